namespace Microsoft.ML.Generative.Text.Alignment;

/// <summary>Statistics of values at real tokens, without those at padding.</summary>
internal static class MaskedValues
{
    private const double Epsilon = 1e-8;

    /// <summary>The mean of the values where the mask is true; 0 where it is nowhere.</summary>
    public static double Mean(ReadOnlySpan<float> values, ReadOnlySpan<bool> isReal)
    {
        (double sum, long count) = (0, 0);
        for (int i = 0; i < values.Length; i++)
        {
            if (isReal[i])
                (sum, count) = (sum + values[i], count + 1);
        }

        return count == 0 ? 0 : sum / count;
    }

    /// <summary>The unbiased variance of the values where the mask is true; 0 where it is at less than two.</summary>
    public static double Variance(ReadOnlySpan<float> values, ReadOnlySpan<bool> isReal)
    {
        double mean = Mean(values, isReal);
        (double sum, long count) = (0, 0);
        for (int i = 0; i < values.Length; i++)
        {
            if (isReal[i])
                (sum, count) = (sum + (values[i] - mean) * (values[i] - mean), count + 1);
        }

        return count < 2 ? 0 : sum / (count - 1);
    }

    /// <summary>Gives the values where the mask is true variance 1, and mean 0 unless it is kept; the others become 0.</summary>
    public static void Whiten(Span<float> values, ReadOnlySpan<bool> isReal, bool keepsMean = false)
    {
        double mean = Mean(values, isReal), scale = 1 / Math.Sqrt(Variance(values, isReal) + Epsilon);
        for (int i = 0; i < values.Length; i++)
            values[i] = isReal[i] ? (float)((values[i] - mean) * scale + (keepsMean ? mean : 0)) : 0;
    }
}
