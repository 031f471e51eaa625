using System.Numerics.Tensors;

namespace Microsoft.ML.Generative.Statistics;

/// <summary>Mutual information of continuous samples from the distances to nearest neighbors, in nats.</summary>
/// <remarks>Every pair of rows is looked at: no index structure is faster for latent vectors of ten dimensions and more.</remarks>
internal static class NeighborEstimates
{
    private const double EulerGamma = 0.57721566490153286;

    /// <exception cref="ArgumentException">The lengths differ, or there are too few values.</exception>
    public static double Continuous(ReadOnlySpan<double> x, ReadOnlySpan<double> y, int neighbors)
    {
        if (x.Length != y.Length)
            throw new ArgumentException($"x has {x.Length} values and y has {y.Length}; expected the same number.", nameof(y));
        CheckNeighbors(neighbors, x.Length);
        return Continuous(new ContinuousSample("x", [x.ToArray()]), new ContinuousSample("y", [y.ToArray()]), neighbors);
    }

    /// <summary>I(X; Y) of two continuous variables (Kraskov, Stögbauer, Grassberger 2004, equation 8).</summary>
    public static double Continuous(ContinuousSample x, ContinuousSample y, int neighbors)
    {
        CheckNeighbors(neighbors, x.Rows);
        double[] digamma = Digamma(x.Rows);
        double sum = Sum(x.Rows, () => (new double[x.Rows], new double[x.Rows], new double[x.Rows]), (i, buffers) =>
        {
            (double[] fromX, double[] fromY, double[] joint) = buffers;
            x.Distances(i, fromX);
            y.Distances(i, fromY);
            TensorPrimitives.Max(fromX, fromY, joint);
            double radius = Nearest(joint, i, neighbors, _ => true);
            CheckRadius(radius, neighbors, x.Name, y.Name);
            return digamma[CountWithin(fromX, i, radius) + 1] + digamma[CountWithin(fromY, i, radius) + 1];
        });
        return digamma[neighbors] + digamma[x.Rows] - sum / x.Rows;
    }

    /// <summary>I(X; C) of a continuous variable and classes (Ross 2014).</summary>
    public static double Mixed(ContinuousSample x, int[] classes, int[] classSizes, int neighbors)
    {
        double[] digamma = Digamma(x.Rows);
        double sum = Sum(x.Rows, () => new double[x.Rows], (i, distances) =>
        {
            x.Distances(i, distances);
            int size = classSizes[classes[i]];
            int k = Math.Min(neighbors, size - 1);
            double radius = Nearest(distances, i, k, j => classes[j] == classes[i]);
            CheckRadius(radius, k, x.Name, null);
            return digamma[k] - digamma[size] - digamma[CountWithin(distances, i, radius) + 1];
        });
        return digamma[x.Rows] + sum / x.Rows;
    }

    // Added up in the rows' order, so that the result does not depend on the threads.
    private static double Sum<T>(int rows, Func<T> newBuffers, Func<int, T, double> term)
    {
        double[] terms = new double[rows];
        try
        {
            Parallel.For(0, rows, newBuffers, (i, _, buffers) =>
            {
                terms[i] = term(i, buffers);
                return buffers;
            }, _ => { });
        }
        catch (AggregateException e) when (e.InnerException is ArgumentException refused)
        {
            throw new ArgumentException(refused.Message, e);
        }

        return terms.Sum();
    }

    private static double Nearest(double[] distances, int self, int k, Func<int, bool> counts)
    {
        Span<double> nearest = k <= 64 ? stackalloc double[k] : new double[k];
        nearest.Fill(double.PositiveInfinity);
        for (int j = 0; j < distances.Length; j++)
        {
            double distance = distances[j];
            if (distance >= nearest[^1] || j == self || !counts(j))
                continue;
            int place = k - 1;
            for (; place > 0 && nearest[place - 1] > distance; place--)
                nearest[place] = nearest[place - 1];
            nearest[place] = distance;
        }

        return nearest[^1];
    }

    private static int CountWithin(double[] distances, int self, double radius)
    {
        int count = 0;
        foreach (double distance in distances)
            count += distance < radius ? 1 : 0;
        return distances[self] < radius ? count - 1 : count;
    }

    private static void CheckNeighbors(int neighbors, int rows)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(neighbors, 1);
        if (rows <= neighbors)
            throw new ArgumentException($"{rows} rows were given; {neighbors} neighbors of each need at least {neighbors + 1}.");
    }

    private static void CheckRadius(double radius, int neighbors, string first, string? second)
    {
        if (radius == 0)
            throw new ArgumentException(
                $"More than {neighbors} rows have equal values of {(second is null ? first : $"{first} and {second}")}: nearest "
                + "neighbors need values that do not repeat. If the values are few, make them discrete (MapValueToKey, or a conversion "
                + "to an integer type).");
    }

    // ψ(n) for n ≥ 1.
    private static double[] Digamma(int largest)
    {
        double[] values = new double[largest + 1];
        values[0] = double.NaN;
        values[1] = -EulerGamma;
        for (int n = 1; n < largest; n++)
            values[n + 1] = values[n] + 1.0 / n;
        return values;
    }
}
