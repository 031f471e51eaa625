namespace Microsoft.ML.Generative.Music;

/// <summary>How long each pitch class sounds.</summary>
public static class PitchClassHistogram
{
    private const int PitchClasses = 12;

    /// <summary>The share of the time of all tones that each pitch class has.</summary>
    /// <param name="pieces">The pieces.</param>
    /// <returns>12 shares from C to B that sum to 1, or zeros where there is no tone.</returns>
    public static double[] Of(params IEnumerable<NoteSequence> pieces)
    {
        ArgumentNullException.ThrowIfNull(pieces);
        double[] shares = new double[PitchClasses];
        foreach (NoteSequence piece in pieces)
        {
            foreach (Note note in piece.Notes.Where(note => !note.IsDrum))
                shares[note.Pitch % PitchClasses] += (double)note.Duration / piece.TicksPerQuarter;
        }

        double sum = shares.Sum();
        return sum == 0 ? shares : [.. shares.Select(share => share / sum)];
    }

    /// <summary>The total variation distance of two histograms: 0 for the same, 1 where they share no pitch class.</summary>
    /// <param name="first">12 shares.</param>
    /// <param name="second">12 shares.</param>
    public static double Distance(IReadOnlyList<double> first, IReadOnlyList<double> second)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        if (first.Count != PitchClasses || second.Count != PitchClasses)
            throw new ArgumentException($"The histograms have {first.Count} and {second.Count} values; expected {PitchClasses} each.");
        return first.Zip(second, (a, b) => Math.Abs(a - b)).Sum() / 2;
    }
}
