namespace Microsoft.ML.Generative.Statistics;

public static partial class InformationTheory
{
    /// <summary>Estimates an entropy from how often each value was seen.</summary>
    /// <param name="counts">How often each value was seen; values that were not seen, with 0, change nothing.</param>
    /// <param name="correctBias">
    /// Whether to add Miller's and Madow's (values seen − 1)/(2·draws), by which the entropy of relative frequencies is too small in
    /// the mean, to first order.
    /// </param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>0 or above.</returns>
    /// <exception cref="ArgumentException">A count is negative, or all are 0.</exception>
    /// <remarks>G. A. Miller, "Note on the bias of information estimates", 1955.</remarks>
    /// <example>
    /// <code>
    /// double bits = InformationTheory.EntropyFromCounts([412, 391, 197], unit: InformationUnit.Bits);
    /// </code>
    /// </example>
    public static double EntropyFromCounts(ReadOnlySpan<long> counts, bool correctBias = true, InformationUnit unit = InformationUnit.Nats)
    {
        double scale = PerNat(unit);
        CheckCounts(counts, nameof(counts));
        return scale * EntropyOfCounts(counts, correctBias);
    }

    /// <summary>Estimates the mutual information of two discrete variables from how often each pair of values was seen.</summary>
    /// <param name="counts">A contingency table: a row for each value of X, a column for each value of Y.</param>
    /// <param name="correctBias">Whether to correct the three entropies that it is made of, as <see cref="EntropyFromCounts"/> does.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>0 or above without correction; with it, near 0 also a little below.</returns>
    /// <exception cref="ArgumentException">A count is negative, or all are 0.</exception>
    public static double MutualInformationFromCounts(long[,] counts, bool correctBias = true, InformationUnit unit = InformationUnit.Nats)
    {
        double scale = PerNat(unit);
        ArgumentNullException.ThrowIfNull(counts);
        ReadOnlySpan<long> cells = Cells(counts);
        CheckCounts(cells, nameof(counts));
        long[] x = new long[counts.GetLength(0)];
        long[] y = new long[counts.GetLength(1)];
        for (int i = 0; i < cells.Length; i++)
        {
            x[i / y.Length] += cells[i];
            y[i % y.Length] += cells[i];
        }

        return scale * (EntropyOfCounts(x, correctBias) + EntropyOfCounts(y, correctBias) - EntropyOfCounts(cells, correctBias));
    }

    /// <summary>Estimates the mutual information of two continuous variables from the distances of nearest neighbors.</summary>
    /// <param name="x">A value of the first variable for each draw.</param>
    /// <param name="y">The value of the second variable for the same draws.</param>
    /// <param name="neighbors">How many neighbors decide the scale: more have less variance and more bias. At least 1, fewer than the draws.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>An estimate without lower bound at 0: near independence it varies around 0.</returns>
    /// <exception cref="ArgumentException">The lengths differ, a value is not finite, there are too few, or more than <paramref name="neighbors"/> draws are equal.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="neighbors"/> is below 1.</exception>
    /// <remarks>
    /// The time grows with the square of the draws: 10,000 take less than a second. A. Kraskov, H. Stögbauer, P. Grassberger,
    /// "Estimating mutual information", Physical Review E 69, 2004, first estimator.
    /// </remarks>
    public static double MutualInformationFromSamples(
        ReadOnlySpan<double> x, ReadOnlySpan<double> y, int neighbors = 3, InformationUnit unit = InformationUnit.Nats)
    {
        double scale = PerNat(unit);
        if (x.Length != y.Length)
            throw new ArgumentException($"x has {x.Length} values and y has {y.Length}; expected the same number.", nameof(y));
        CheckNeighbors(neighbors, x.Length);
        return scale * NeighborEstimates.Continuous(new ContinuousSample("x", [x.ToArray()]), new ContinuousSample("y", [y.ToArray()]), neighbors);
    }

    private static double EntropyOfCounts(ReadOnlySpan<long> counts, bool correctBias)
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

    private static void CheckCounts(ReadOnlySpan<long> counts, string name)
    {
        bool any = false;
        for (int i = 0; i < counts.Length; i++)
        {
            if (counts[i] < 0)
                throw new ArgumentException($"Count {i} is {counts[i]}; expected 0 or above.", name);
            any |= counts[i] > 0;
        }

        if (!any)
            throw new ArgumentException("All counts are 0; expected at least one draw.", name);
    }

    private static void CheckNeighbors(int neighbors, int rows)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(neighbors, 1);
        if (rows <= neighbors)
            throw new ArgumentException($"{rows} rows were given; {neighbors} neighbors of each need at least {neighbors + 1}.");
    }
}
