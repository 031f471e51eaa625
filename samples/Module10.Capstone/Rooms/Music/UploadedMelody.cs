using Microsoft.ML.Generative.Music;
using Module10.Http;

namespace Module10.Rooms.Music;

/// <summary>The melody of a visitor's MIDI file, in the notes of the keyboard.</summary>
internal static class UploadedMelody
{
    public const int MostBytes = 256_000;

    private const int Octave = 12;
    private const double LongestNote = 8;

    /// <summary>Reads a MIDI file from a request.</summary>
    /// <exception cref="VisitorException">It is too long, no MIDI file, or has no tone.</exception>
    public static async Task<IReadOnlyList<VisitorNote>> ReadAsync(Stream body, CancellationToken cancellation)
    {
        byte[] bytes = new byte[MostBytes + 1];
        int length = await body.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellation);
        if (length > MostBytes)
            throw new VisitorException(413, $"The file has more than {MostBytes:N0} bytes.");
        try
        {
            return Of(MidiFile.Read(new MemoryStream(bytes, 0, length)));
        }
        catch (InvalidDataException e)
        {
            throw new VisitorException(400, $"The file is not MIDI that can be read: {e.Message}");
        }
    }

    /// <summary>The highest note of each eighth from the first tone on, as many as a melody may have, in the keyboard's range.</summary>
    /// <exception cref="VisitorException">The piece has no tone.</exception>
    public static IReadOnlyList<VisitorNote> Of(NoteSequence piece)
    {
        Note[] tones = [.. piece.Notes.Where(note => !note.IsDrum && note.Duration > 0)];
        if (tones.Length == 0)
            throw new VisitorException(400, "The file has no tone.");
        double step = (double)piece.TicksPerQuarter / MelodyModel.StepsPerQuarter;
        const double StepQuarters = 1.0 / MelodyModel.StepsPerQuarter;
        List<VisitorNote> melody = [];
        Note? last = null;
        long first = tones[0].Start, steps = (long)Math.Ceiling((tones.Max(note => note.End) - first) / step);
        for (long i = 0; i < steps; i++)
        {
            // In the middle of the eighth, so that what was played a little early or late counts as meant.
            double tick = first + (i + 0.5) * step;
            Note? highest = tones.Where(note => note.Start <= tick && note.End > tick).MaxBy(note => note.Pitch);
            if (melody.Count > 0 && highest == last && melody[^1].Quarters < LongestNote)
            {
                melody[^1] = melody[^1] with { Quarters = melody[^1].Quarters + StepQuarters };
                continue;
            }

            if (melody.Count == MusicRequest.MostNotes)
                break;
            melody.Add(new VisitorNote(highest is null ? null : InRange(highest.Pitch), StepQuarters));
            last = highest;
        }

        return melody;
    }

    private static int InRange(int pitch)
    {
        while (pitch < MelodyModel.Lowest)
            pitch += Octave;
        while (pitch > MelodyModel.Highest)
            pitch -= Octave;
        return pitch;
    }
}
