using System.Globalization;

namespace Microsoft.ML.Generative.Statistics;

public static partial class InformationTheory
{
    /// <summary>The differential entropy of a normal distribution with independent dimensions: ½·Σ log(2πe·σ²).</summary>
    /// <param name="variances">The variance σ² of each dimension, above 0.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>Any number: a narrow density has a negative differential entropy.</returns>
    /// <exception cref="ArgumentException">There is no dimension, or a variance is not above 0 and finite.</exception>
    public static double DiagonalGaussianEntropy(ReadOnlySpan<double> variances, InformationUnit unit = InformationUnit.Nats)
    {
        double scale = PerNat(unit);
        CheckVariances(variances, nameof(variances));
        double sum = variances.Length * _logTwoPiE;
        foreach (double variance in variances)
            sum += Math.Log(variance);
        return scale * sum / 2;
    }

    /// <summary>The differential entropy of a multivariate normal distribution: ½·log det(2πe·Σ).</summary>
    /// <param name="covariance">The covariance matrix Σ, symmetric and positive definite.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>Any number: a narrow density has a negative differential entropy.</returns>
    /// <exception cref="ArgumentException">The matrix is not square, symmetric and positive definite.</exception>
    public static double GaussianEntropy(double[,] covariance, InformationUnit unit = InformationUnit.Nats)
    {
        double scale = PerNat(unit);
        Cholesky factor = new(covariance, nameof(covariance));
        return scale * (factor.Size * _logTwoPiE + factor.LogDeterminant) / 2;
    }

    /// <summary>
    /// KL(N(m₀, Σ₀) ‖ N(m₁, Σ₁)) of normal distributions with independent dimensions:
    /// ½·Σ (σ₀²/σ₁² + (m₁ − m₀)²/σ₁² − 1 + log(σ₁²/σ₀²)).
    /// </summary>
    /// <param name="mean0">Means of the first distribution.</param>
    /// <param name="variances0">Variances of the first distribution, above 0.</param>
    /// <param name="mean1">Means of the second distribution.</param>
    /// <param name="variances1">Variances of the second distribution, above 0.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>0 for equal distributions, else above. Not symmetric.</returns>
    /// <exception cref="ArgumentException">The lengths differ, a mean is not finite, or a variance is not above 0 and finite.</exception>
    /// <remarks>With m₁ = 0 and σ₁ = 1 it is the KL term of a VAE: D. P. Kingma, M. Welling, "Auto-encoding variational Bayes", 2013, appendix B.</remarks>
    public static double DiagonalGaussianKlDivergence(
        ReadOnlySpan<double> mean0, ReadOnlySpan<double> variances0, ReadOnlySpan<double> mean1, ReadOnlySpan<double> variances1,
        InformationUnit unit = InformationUnit.Nats)
    {
        double scale = PerNat(unit);
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

        return scale * sum / 2;
    }

    /// <summary>
    /// KL(N(m₀, Σ₀) ‖ N(m₁, Σ₁)) of multivariate normal distributions:
    /// ½·(tr(Σ₁⁻¹Σ₀) + (m₁ − m₀)ᵀΣ₁⁻¹(m₁ − m₀) − n + log(det Σ₁ / det Σ₀)).
    /// </summary>
    /// <param name="mean0">Means of the first distribution.</param>
    /// <param name="covariance0">Covariance matrix of the first distribution, symmetric and positive definite.</param>
    /// <param name="mean1">Means of the second distribution.</param>
    /// <param name="covariance1">Covariance matrix of the second distribution, symmetric and positive definite.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>0 for equal distributions, else above. Not symmetric.</returns>
    /// <exception cref="ArgumentException">The sizes differ, a mean is not finite, or a matrix is not square, symmetric and positive definite.</exception>
    public static double GaussianKlDivergence(
        ReadOnlySpan<double> mean0, double[,] covariance0, ReadOnlySpan<double> mean1, double[,] covariance1,
        InformationUnit unit = InformationUnit.Nats)
    {
        double scale = PerNat(unit);
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

        return scale * sum / 2;
    }

    private static readonly double _logTwoPiE = Math.Log(2 * Math.PI * Math.E);

    private static void CheckVariances(ReadOnlySpan<double> variances, string name)
    {
        if (variances.IsEmpty)
            throw new ArgumentException("A normal distribution has at least one dimension; found none.", name);
        for (int i = 0; i < variances.Length; i++)
        {
            if (!(variances[i] > 0 && double.IsFinite(variances[i])))
                throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"Variance {i} is {variances[i]}; expected a finite number above 0."), name);
        }
    }

    private static void CheckMean(ReadOnlySpan<double> mean, int size, string name)
    {
        CheckSize(mean.Length, size, name);
        for (int i = 0; i < mean.Length; i++)
        {
            if (!double.IsFinite(mean[i]))
                throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"Mean {i} is {mean[i]}; expected a finite number."), name);
        }
    }

    private static void CheckSize(int found, int expected, string name)
    {
        if (found != expected)
            throw new ArgumentException($"{found} dimensions were given; expected {expected}, as the first distribution has.", name);
    }
}
