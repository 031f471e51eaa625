namespace Microsoft.ML.Generative.Text.Alignment;

/// <summary>Rewards of tokens and of whole completions.</summary>
internal static class RewardShaping
{
    /// <summary>
    /// The reward of each token: −β (log π − log π_ref), and the completion's score at the last real one (Ziegler et al. 2019).
    /// </summary>
    /// <param name="score">The score of the completion.</param>
    /// <param name="logRatios">log π − log π_ref of each token.</param>
    /// <param name="isReal">Which tokens are not padding.</param>
    /// <param name="klCoefficient">β.</param>
    public static float[] WithKl(double score, ReadOnlySpan<float> logRatios, ReadOnlySpan<bool> isReal, double klCoefficient)
    {
        var rewards = new float[logRatios.Length];
        int last = isReal.LastIndexOf(true);
        for (int i = 0; i <= last; i++)
            rewards[i] = isReal[i] ? (float)(-klCoefficient * logRatios[i] + (i == last ? score : 0)) : 0;
        return rewards;
    }

    /// <summary>
    /// The penalty of long completions (Yu et al. 2025, equation 13): 0 up to <paramref name="maxLength"/> −
    /// <paramref name="buffer"/> tokens, −1 above <paramref name="maxLength"/>, a straight line between.
    /// </summary>
    public static double Overlong(int length, int maxLength, int buffer) =>
        length <= maxLength - buffer ? 0
        : length <= maxLength ? (double)(maxLength - buffer - length) / buffer
        : -1;

    /// <summary>The penalty of repetition (Yeo et al. 2025): −(1 − different n-grams / all n-grams); 0 where there is none.</summary>
    public static double Repetition<T>(IReadOnlyList<T> tokens, int size)
        where T : notnull
    {
        int all = tokens.Count - size + 1;
        if (all < 1)
            return 0;
        var different = new HashSet<string>(StringComparer.Ordinal);
        for (int i = 0; i < all; i++)
            different.Add(string.Join('\u001f', tokens.Skip(i).Take(size)));
        return -(1 - (double)different.Count / all);
    }
}
