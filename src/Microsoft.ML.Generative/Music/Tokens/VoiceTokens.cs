using System.Globalization;

namespace Microsoft.ML.Generative.Music.Tokens;

/// <summary>A grid of four voices as words.</summary>
internal sealed class VoiceTokens : MusicTokens
{
    public const int VoiceCount = 4;

    private const string Names = "SATB";
    private const char Silent = '-';

    private readonly int _lowest;
    private readonly int _highest;

    public VoiceTokens(int stepsPerQuarter, int lowest, int highest)
        : base(stepsPerQuarter, hasRelativePitches: false)
    {
        PitchRange.Check(lowest, highest);
        (_lowest, _highest) = (lowest, highest);
    }

    internal override MusicVocabulary Settings => new(MusicVocabulary.Voices, StepsPerQuarter, _lowest, _highest);

    /// <summary>The ids that may stand in the place of a voice.</summary>
    internal int[][] IdsOfVoices => [.. Names.Select(name => Words().Where(word => word[0] == name)
        .Select(word => Tokenizer.IdOf(word + MusicVocabulary.WordEnd)!.Value).ToArray())];

    /// <summary>The pitch of each id; <see langword="null"/> where it is silence, or no word of a voice.</summary>
    internal int?[] PitchesOfIds
    {
        get
        {
            int?[] pitches = new int?[Tokenizer.VocabularySize];
            foreach (string word in Words())
                pitches[Tokenizer.IdOf(word + MusicVocabulary.WordEnd)!.Value] = PitchOf(word);
            return pitches;
        }
    }

    internal override int StepsOf(string word) => word[0] == Names[^1] ? 1 : 0;

    /// <summary>The words of a piece, four a step.</summary>
    internal string[] GridOf(NoteSequence piece, int steps = 0) => [.. Write(piece, steps)];

    private protected override IEnumerable<string> Words() => Names.SelectMany(name => Enumerable.Range(_lowest, _highest - _lowest + 1)
        .Select(pitch => WordOf(name, pitch)).Prepend($"{name}{Silent}"));

    private protected override IEnumerable<string> Write(NoteSequence piece) => Write(piece, 0);

    private IEnumerable<string> Write(NoteSequence piece, int steps)
    {
        Dictionary<(int Step, int Voice), int> grid = [];
        foreach (Note note in piece.Notes)
        {
            if (note.Voice >= VoiceCount)
                throw new ArgumentException($"The note at tick {note.Start:N0} is of voice {note.Voice}; expected 0 to {VoiceCount - 1}.");
            PitchRange.Check(note, _lowest, _highest);
            (int start, int end) = Grid.StepsOf(piece, note, StepsPerQuarter);
            steps = Math.Max(steps, end);
            for (int step = start; step < end; step++)
                grid[(step, note.Voice)] = note.Pitch;
        }

        return Enumerable.Range(0, steps).SelectMany(step => Enumerable.Range(0, VoiceCount).Select(voice =>
            grid.TryGetValue((step, voice), out int pitch) ? WordOf(Names[voice], pitch) : $"{Names[voice]}{Silent}"));
    }

    private protected override IEnumerable<Note> Read(IEnumerable<string> words)
    {
        (int Pitch, int Since)?[] sounding = new (int, int)?[VoiceCount];
        List<Note> notes = [];
        int step = 0, place = 0;
        foreach (string word in words)
        {
            int voice = Names.IndexOf(word[0], StringComparison.Ordinal);
            if (voice < place)
                step++;
            place = voice + 1;
            int? pitch = PitchOf(word);
            if (sounding[voice] is { } note && note.Pitch == pitch)
                continue;
            End(voice, step);
            if (pitch is { } begun)
                sounding[voice] = (begun, step);
        }

        for (int voice = 0; voice < VoiceCount; voice++)
            End(voice, step + 1);
        return notes;

        void End(int voice, int at)
        {
            if (sounding[voice] is not { } note)
                return;
            notes.Add(new Note(note.Pitch, note.Since * TicksPerStep, (at - note.Since) * TicksPerStep) { Voice = voice, Channel = voice });
            sounding[voice] = null;
        }
    }

    private protected override IEnumerable<string> Silence(int steps) =>
        Enumerable.Repeat(Names.Select(name => $"{name}{Silent}"), Math.Max(0, steps)).SelectMany(step => step);

    private static int? PitchOf(string word) =>
        word[1] == Silent ? null : int.Parse(word.AsSpan(1), CultureInfo.InvariantCulture);

    private static string WordOf(char name, int pitch) => name + pitch.ToString(CultureInfo.InvariantCulture);
}
