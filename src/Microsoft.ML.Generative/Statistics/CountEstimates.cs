namespace Microsoft.ML.Generative.Statistics;

/// <summary>Estimates from how often values were seen, in nats.</summary>
internal static class CountEstimates
{
    /// <exception cref="ArgumentException">A count is negative, or all are 0.</exception>
    public static double Entropy(ReadOnlySpan<long> counts, bool correctBias)
    {
        Check(counts, nameof(counts));
        return EntropyOf(counts, correctBias);
    }

    /// <inheritdoc cref="Entropy" path="/exception"/>
    public static double MutualInformation(long[,] counts, bool correctBias)
    {
        ArgumentNullException.ThrowIfNull(counts);
        ReadOnlySpan<long> cells = Tables.Cells(counts);
        Check(cells, nameof(counts));
        (long[] x, long[] y) = Tables.Margins(counts);
        return MutualInformation(x, y, cells, correctBias);
    }

    /// <summary>H(X) + H(Y) − H(X, Y)</summary>
    public static double MutualInformation(ReadOnlySpan<long> x, ReadOnlySpan<long> y, ReadOnlySpan<long> pairs, bool correctBias) =>
        EntropyOf(x, correctBias) + EntropyOf(y, correctBias) - EntropyOf(pairs, correctBias);

    /// <summary>The entropy of counts that have been checked.</summary>
    public static double EntropyOf(ReadOnlySpan<long> counts, bool correctBias)
    {
        long total = 0;
        int seen = 0;
        double sum = 0;
        foreach (long count in counts)
        {
            if (count == 0)
                continue;
            total += count;
            seen++;
            sum += count * Math.Log(count);
        }

        return Math.Log(total) - sum / total + (correctBias ? (seen - 1) / (2.0 * total) : 0);
    }

    private static void Check(ReadOnlySpan<long> counts, string name)
    {
        bool any = false;
        for (int i = 0; i < counts.Length; i++)
        {
            if (counts[i] < 0)
                throw new ArgumentException($"Count {i} is {counts[i]}; expected 0 or above.", name);
            any |= counts[i] > 0;
        }

        if (!any)
            throw new ArgumentException("All counts are 0; expected at least one observation.", name);
    }
}
