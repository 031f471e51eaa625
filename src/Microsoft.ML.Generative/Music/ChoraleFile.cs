using System.Text.Json;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Music;

/// <summary>Reads the files of the JSB Chorales: for each part pieces, of steps, of pitches.</summary>
internal static class ChoraleFile
{
    private const string Folder = "jsb-chorales";
    private const string Source = "https://github.com/czhuang/JSB-Chorales-dataset";
    private const long MostBytes = 1 << 26;

    // How the parts sing in a choir: General MIDI's choir.
    private const int Choir = 52;

    public static MusicSplit Read(MLContext context, string dataDirectory, JsbFile file)
    {
        (string name, int stepsPerQuarter) = file switch
        {
            JsbFile.SixteenthVoices => ("Jsb16thSeparated.json", 4),
            JsbFile.Sixteenth => ("jsb-chorales-16th.json", 4),
            JsbFile.Eighth => ("jsb-chorales-8th.json", 2),
            JsbFile.Quarter => ("jsb-chorales-quarter.json", 1),
            _ => throw new ArgumentOutOfRangeException(nameof(file), file, $"{nameof(file)} is {file}, which is no file of the data set."),
        };
        string path = Path.Combine(dataDirectory, Folder, name);
        if (!File.Exists(path))
            throw new FileNotFoundException($"JSB Chorales is not on this machine: put {name} of {Source} to {path}.", path);
        if (new FileInfo(path).Length > MostBytes)
            throw new InvalidDataException($"'{path}' has more than {MostBytes:N0} bytes.");
        Dictionary<string, double[][][]> parts;
        try
        {
            // Some files write pitches as 65.0.
            parts = JsonSerializer.Deserialize<Dictionary<string, double[][][]>>(File.ReadAllBytes(path)) ?? [];
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"'{path}' is not valid: {Quoted.Message(e)}", e);
        }

        return new MusicSplit(context, Rows("train"), Rows("valid"), Rows("test"));

        MusicRow[] Rows(string part) => parts.TryGetValue(part, out double[][][]? pieces)
            ? [.. pieces.Select((steps, i) => new MusicRow
            {
                Name = $"{part} {i}",
                Music = Piece(steps, stepsPerQuarter, file == JsbFile.SixteenthVoices, $"'{path}', {part} {i}"),
            })]
            : throw new InvalidDataException($"'{path}' has no part '{part}'.");
    }

    private static NoteSequence Piece(double[][] steps, int stepsPerQuarter, bool hasVoices, string name)
    {
        long ticks = NoteSequence.UsualTicksPerQuarter / stepsPerQuarter;
        List<Note> notes = [];
        Dictionary<(int Voice, int Pitch), int> sounding = [];
        for (int step = 0; step <= steps.Length; step++)
        {
            HashSet<(int Voice, int Pitch)> now = [];
            double[] pitches = step < steps.Length ? steps[step] : [];
            for (int i = 0; i < pitches.Length; i++)
            {
                // A silent voice is -1.
                if (pitches[i] is -1)
                    continue;
                if (!(pitches[i] >= 0 && pitches[i] <= NoteSequence.HighestPitch) || pitches[i] != Math.Floor(pitches[i]))
                    throw new InvalidDataException($"{name}, step {step} has the pitch {pitches[i]}; expected -1 to 127.");
                now.Add((hasVoices ? i : 0, (int)pitches[i]));
            }

            foreach (((int voice, int pitch), int since) in sounding.Where(note => !now.Contains(note.Key)).ToArray())
            {
                notes.Add(new Note(pitch, since * ticks, (step - since) * ticks) { Voice = voice, Channel = voice, Instrument = Choir });
                sounding.Remove((voice, pitch));
            }

            foreach ((int, int) note in now)
                sounding.TryAdd(note, step);
        }

        return new NoteSequence(NoteSequence.UsualTicksPerQuarter, notes);
    }
}
