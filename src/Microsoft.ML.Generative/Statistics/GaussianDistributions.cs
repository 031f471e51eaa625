using static System.FormattableString;

namespace Microsoft.ML.Generative.Statistics;

/// <summary>Entropies and divergences of normal distributions in closed form, in nats.</summary>
internal static class GaussianDistributions
{
    private static readonly double _logTwoPiE = Math.Log(2 * Math.PI * Math.E);

    public static double DiagonalEntropy(ReadOnlySpan<double> variances)
    {
        CheckVariances(variances, nameof(variances));
        double sum = variances.Length * _logTwoPiE;
        foreach (double variance in variances)
            sum += Math.Log(variance);
        return sum / 2;
    }

    public static double Entropy(double[,] covariance)
    {
        Cholesky factor = new(covariance, nameof(covariance));
        return (factor.Size * _logTwoPiE + factor.LogDeterminant) / 2;
    }

    public static double DiagonalKlDivergence(
        ReadOnlySpan<double> mean0, ReadOnlySpan<double> variances0, ReadOnlySpan<double> mean1, ReadOnlySpan<double> variances1)
    {
        CheckVariances(variances0, nameof(variances0));
        CheckVariances(variances1, nameof(variances1));
        CheckMean(mean0, variances0.Length, nameof(mean0));
        CheckMean(mean1, variances0.Length, nameof(mean1));
        CheckSize(variances1.Length, variances0.Length, nameof(variances1));

        double sum = 0;
        for (int i = 0; i < variances0.Length; i++)
        {
            double difference = mean1[i] - mean0[i];
            sum += (variances0[i] + difference * difference) / variances1[i] - 1 + Math.Log(variances1[i]) - Math.Log(variances0[i]);
        }

        return sum / 2;
    }

    public static double KlDivergence(ReadOnlySpan<double> mean0, double[,] covariance0, ReadOnlySpan<double> mean1, double[,] covariance1)
    {
        Cholesky first = new(covariance0, nameof(covariance0));
        Cholesky second = new(covariance1, nameof(covariance1));
        CheckSize(second.Size, first.Size, nameof(covariance1));
        CheckMean(mean0, first.Size, nameof(mean0));
        CheckMean(mean1, first.Size, nameof(mean1));

        double[] column = new double[first.Size];
        for (int i = 0; i < column.Length; i++)
            column[i] = mean1[i] - mean0[i];
        double sum = second.LogDeterminant - first.LogDeterminant - first.Size + second.SquaredNorm(column);

        // tr(Σ₁⁻¹Σ₀) = ‖L₁⁻¹L₀‖², which cannot lose its sign to rounding.
        for (int j = 0; j < first.Size; j++)
        {
            for (int i = 0; i < first.Size; i++)
                column[i] = first[i, j];
            sum += second.SquaredNorm(column);
        }

        return sum / 2;
    }

    private static void CheckVariances(ReadOnlySpan<double> variances, string name)
    {
        if (variances.IsEmpty)
            throw new ArgumentException("A normal distribution has at least one dimension; found none.", name);
        for (int i = 0; i < variances.Length; i++)
        {
            if (!(variances[i] > 0 && double.IsFinite(variances[i])))
                throw new ArgumentException(Invariant($"Variance {i} is {variances[i]}; expected a finite number above 0."), name);
        }
    }

    private static void CheckMean(ReadOnlySpan<double> mean, int size, string name)
    {
        CheckSize(mean.Length, size, name);
        for (int i = 0; i < mean.Length; i++)
        {
            if (!double.IsFinite(mean[i]))
                throw new ArgumentException(Invariant($"Mean {i} is {mean[i]}; expected a finite number."), name);
        }
    }

    private static void CheckSize(int found, int expected, string name)
    {
        if (found != expected)
            throw new ArgumentException($"{found} dimensions were given; expected {expected}, as the first distribution has.", name);
    }
}
