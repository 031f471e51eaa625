namespace Microsoft.ML.Generative.Music;

/// <summary>Faults of voice leading in pieces whose voices are apart: what the rules of counterpoint forbid.</summary>
/// <param name="Motions">Times at which two voices move at once, counted for each pair.</param>
/// <param name="ParallelFifths">Those at which the two move alike from one fifth to another.</param>
/// <param name="ParallelOctaves">Those at which the two move alike from one unison or octave to another.</param>
/// <param name="Chords">Times at which two neighboring voices sound together, counted for each pair, each chord once.</param>
/// <param name="Crossings">Those at which the upper voice is below the lower.</param>
public sealed record VoiceLeading(int Motions, int ParallelFifths, int ParallelOctaves, int Chords, int Crossings)
{
    private const int Octave = 12;
    private const int Fifth = 7;

    /// <summary>The share of motions that are parallel fifths or octaves.</summary>
    public double ParallelShare => Motions == 0 ? 0 : (double)(ParallelFifths + ParallelOctaves) / Motions;

    /// <summary>The share of chords that cross.</summary>
    public double CrossingShare => Chords == 0 ? 0 : (double)Crossings / Chords;

    /// <summary>Counts the faults of pieces.</summary>
    /// <param name="pieces">The pieces; <see cref="Note.Voice"/> 0 is the highest voice.</param>
    /// <returns>The counts of all pieces together.</returns>
    /// <remarks>Intervals beyond an octave count as those within it. A voice that rests between two notes does not move.</remarks>
    public static VoiceLeading Of(params IEnumerable<NoteSequence> pieces)
    {
        ArgumentNullException.ThrowIfNull(pieces);
        var sum = new VoiceLeading(0, 0, 0, 0, 0);
        foreach (NoteSequence piece in pieces)
        {
            int?[]? before = null;
            foreach ((int?[] chord, _) in Chord.All(piece))
            {
                if (before is null || !before.SequenceEqual(chord))
                    sum = sum.With(before, chord);
                before = chord;
            }
        }

        return sum;
    }

    /// <summary>
    /// The interval that two voices keep while they move alike, if it is one that the rules forbid: 7, a fifth, or 0, an octave.
    /// </summary>
    /// <param name="from">Where one of the voices is.</param>
    /// <param name="to">Where it goes.</param>
    /// <param name="otherFrom">Where the other voice is.</param>
    /// <param name="otherTo">Where it goes.</param>
    internal static int? Parallel(int from, int to, int otherFrom, int otherTo)
    {
        int interval = Math.Abs(to - otherTo) % Octave;
        return from != to && Math.Sign(to - from) == Math.Sign(otherTo - otherFrom) && interval is 0 or Fifth
            && interval == Math.Abs(from - otherFrom) % Octave
            ? interval
            : null;
    }

    private VoiceLeading With(int?[]? before, int?[] chord)
    {
        (int motions, int fifths, int octaves, int chords, int crossings) = (Motions, ParallelFifths, ParallelOctaves, Chords, Crossings);
        for (int upper = 0; upper < chord.Length; upper++)
        {
            for (int lower = upper + 1; lower < chord.Length; lower++)
            {
                if (chord[upper] is not { } high || chord[lower] is not { } low)
                    continue;
                if (lower == upper + 1)
                {
                    chords++;
                    if (high < low)
                        crossings++;
                }

                if (before?[upper] is not { } highBefore || before[lower] is not { } lowBefore || highBefore == high || lowBefore == low)
                    continue;
                motions++;
                int? kept = Parallel(highBefore, high, lowBefore, low);
                if (kept == Fifth)
                    fifths++;
                else if (kept == 0)
                    octaves++;
            }
        }

        return new VoiceLeading(motions, fifths, octaves, chords, crossings);
    }
}
