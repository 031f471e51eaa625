using System.Globalization;

namespace Microsoft.ML.Generative.Music.Tokens;

/// <summary>Steps of a piano roll as words.</summary>
internal sealed class RollTokens : MusicTokens
{
    private const string StepEnd = "|";
    private const char HeldMark = '~';

    private readonly bool _marksHeld;
    private readonly int _lowest;
    private readonly int _highest;

    public RollTokens(int stepsPerQuarter, bool marksHeld, int lowest, int highest, bool isRelative)
        : base(stepsPerQuarter, isRelative)
    {
        PitchRange.Check(lowest, highest);
        (_marksHeld, _lowest, _highest) = (marksHeld, lowest, highest);
    }

    internal override MusicVocabulary Settings =>
        new(MusicVocabulary.Roll, StepsPerQuarter, _lowest, _highest, _marksHeld, HasRelativePitches);

    internal override int StepsOf(string word) => word == StepEnd ? 1 : 0;

    private protected override IEnumerable<string> Words()
    {
        IEnumerable<string> pitches = Enumerable.Range(_lowest, _highest - _lowest + 1)
            .Select(pitch => pitch.ToString(CultureInfo.InvariantCulture));
        return [StepEnd, .. pitches, .. _marksHeld ? pitches.Select(pitch => pitch + HeldMark) : []];
    }

    private protected override IEnumerable<string> Write(NoteSequence piece)
    {
        int last = 0;
        // For each step the pitches, with whether they begin in it.
        SortedDictionary<int, Dictionary<int, bool>> steps = [];
        foreach (Note note in piece.Notes)
        {
            PitchRange.Check(note, _lowest, _highest, HasRelativePitches);
            (int start, int end) = Grid.StepsOf(piece, note, StepsPerQuarter);
            last = Math.Max(last, end);
            for (int step = start; step < end; step++)
            {
                if (!steps.TryGetValue(step, out Dictionary<int, bool>? pitches))
                    steps.Add(step, pitches = []);
                pitches[note.Pitch] = step == start || pitches.GetValueOrDefault(note.Pitch);
            }
        }

        return Enumerable.Range(0, last).SelectMany(step => steps.TryGetValue(step, out Dictionary<int, bool>? pitches)
            ? pitches.OrderByDescending(pitch => pitch.Key).Select(pitch => WordOf(pitch.Key, pitch.Value)).Append(StepEnd)
            : [StepEnd]);
    }

    private protected override IEnumerable<Note> Read(IEnumerable<string> words)
    {
        List<Note> notes = [];
        Dictionary<int, int> sounding = [];
        Dictionary<int, bool> pitches = [];
        int step = 0;
        foreach (string word in words)
        {
            if (word == StepEnd)
            {
                EndStep();
                step++;
                pitches.Clear();
                continue;
            }

            bool isHeld = word[^1] == HeldMark;
            int pitch = int.Parse(isHeld ? word.AsSpan(0, word.Length - 1) : word, CultureInfo.InvariantCulture);
            pitches[pitch] = !isHeld && (_marksHeld || !sounding.ContainsKey(pitch));
        }

        if (pitches.Count > 0)
        {
            EndStep();
            step++;
            pitches.Clear();
        }

        EndStep();
        return notes;

        // Ends what does not sound on, and begins what is struck in this step.
        void EndStep()
        {
            foreach ((int pitch, int since) in sounding.ToArray())
            {
                if (pitches.TryGetValue(pitch, out bool isStruck) && !isStruck)
                    continue;
                notes.Add(new Note(pitch, since * TicksPerStep, (step - since) * TicksPerStep));
                sounding.Remove(pitch);
            }

            foreach (int pitch in pitches.Keys)
                sounding.TryAdd(pitch, step);
        }
    }

    private protected override IEnumerable<string> Silence(int steps) => Enumerable.Repeat(StepEnd, Math.Max(0, steps));

    private string WordOf(int pitch, bool isStruck) =>
        pitch.ToString(CultureInfo.InvariantCulture) + (_marksHeld && !isStruck ? HeldMark.ToString() : "");
}
