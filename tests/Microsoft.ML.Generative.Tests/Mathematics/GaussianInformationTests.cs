using MathNet.Numerics.LinearAlgebra;
using Microsoft.ML.Generative.Statistics;

namespace Microsoft.ML.Generative.Tests.Mathematics;

public class GaussianInformationTests
{
    [Fact]
    public void Entropy_of_the_standard_normal_distribution() =>
        Assert.Equal(1.4189385332046727, InformationTheory.DiagonalGaussianEntropy([1]), 12);

    [Fact]
    public void Divergence_of_scalars_worked_out_by_hand()
    {
        // KL(N(0, 1) ‖ N(1, 4)) = ln 2 + (1 + 1)/8 − 1/2
        Assert.Equal(Math.Log(2) - 0.25, InformationTheory.DiagonalGaussianKlDivergence([0], [1], [1], [4]), 12);
        // The other way: ln ½ + (4 + 1)/2 − 1/2
        Assert.Equal(2 - Math.Log(2), InformationTheory.DiagonalGaussianKlDivergence([1], [4], [0], [1]), 12);
        Assert.Equal(
            (2 - Math.Log(2)) / Math.Log(2), InformationTheory.DiagonalGaussianKlDivergence([1], [4], [0], [1], InformationUnit.Bits), 12);
    }

    [Fact]
    public void Divergence_is_the_integral_of_its_definition()
    {
        const double m0 = 0.3, s0 = 0.8, m1 = -0.5, s1 = 1.7, step = 1e-3;
        double integral = 0;
        for (double x = -15; x < 15; x += step)
        {
            double logP = LogDensity(x, m0, s0), logQ = LogDensity(x, m1, s1);
            integral += step * Math.Exp(logP) * (logP - logQ);
        }

        Assert.Equal(integral, InformationTheory.DiagonalGaussianKlDivergence([m0], [s0 * s0], [m1], [s1 * s1]), 8);
    }

    [Fact]
    public void Full_covariance_agrees_with_the_formula_by_inverse_and_determinant()
    {
        var random = new Random(3);
        for (int size = 1; size <= 8; size++)
        {
            Matrix<double> s0 = Covariance(random, size), s1 = Covariance(random, size);
            Vector<double> m0 = Vector<double>.Build.Dense(size, _ => random.NextDouble()),
                m1 = Vector<double>.Build.Dense(size, _ => random.NextDouble());
            double expected = ((s1.Inverse() * s0).Trace() + (m1 - m0) * s1.Inverse() * (m1 - m0) - size + Math.Log(
                s1.Determinant() / s0.Determinant())) / 2;
            Assert.Equal(expected, InformationTheory.GaussianKlDivergence(m0.ToArray(), s0.ToArray(), m1.ToArray(), s1.ToArray()), 8);
            Assert.Equal(Math.Log((2 * Math.PI * Math.E * s0).Determinant()) / 2, InformationTheory.GaussianEntropy(s0.ToArray()), 8);
        }
    }

    [Fact]
    public void Diagonal_matrices_agree_with_variances()
    {
        double[,] first = { { 2, 0 }, { 0, 0.5 } }, second = { { 1, 0 }, { 0, 3 } };
        Assert.Equal(
            InformationTheory.DiagonalGaussianKlDivergence([1, 2], [2, 0.5], [0, -1], [1, 3]),
            InformationTheory.GaussianKlDivergence([1, 2], first, [0, -1], second), 12);
        Assert.Equal(InformationTheory.DiagonalGaussianEntropy([2, 0.5]), InformationTheory.GaussianEntropy(first), 12);
    }

    [Fact]
    public void What_is_no_normal_distribution_is_refused_with_the_reason()
    {
        Refused("Variance 1 is 0", () => InformationTheory.DiagonalGaussianEntropy([1, 0]));
        Refused("Mean 0 is NaN", () => InformationTheory.DiagonalGaussianKlDivergence([double.NaN], [1], [0], [1]));
        Refused("2 dimensions were given; expected 1", () => InformationTheory.DiagonalGaussianKlDivergence([0], [1], [0, 0], [1]));
        Refused("1×2", () => InformationTheory.GaussianEntropy(new double[,] { { 1, 2 } }));
        Refused("Element (1, 0) is 0.5 and (0, 1) is 0.4", () => InformationTheory.GaussianEntropy(new[,] { { 1, 0.4 }, { 0.5, 1 } }));
        Refused("not positive definite: dimension 1", () => InformationTheory.GaussianEntropy(new double[,] { { 1, 2 }, { 2, 1 } }));
        Refused("not positive definite: dimension 0", () => InformationTheory.GaussianEntropy(new[,] { { double.NaN } }));
    }

    private static double LogDensity(double x, double mean, double deviation) =>
        -0.5 * Math.Log(2 * Math.PI) - Math.Log(deviation) - (x - mean) * (x - mean) / (2 * deviation * deviation);

    private static Matrix<double> Covariance(Random random, int size)
    {
        var a = Matrix<double>.Build.Dense(size, size, (_, _) => random.NextDouble() - 0.5);
        return a * a.Transpose() + 0.1 * Matrix<double>.Build.DenseIdentity(size);
    }

    private static void Refused(string reason, Action call) =>
        Assert.Contains(reason, Assert.ThrowsAny<ArgumentException>(call).Message, StringComparison.Ordinal);
}
