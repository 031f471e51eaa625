using Microsoft.ML.Generative.Images.Evaluation;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

public sealed class FrechetDistanceTests
{
    private static double Between(double[] mean1, double[,] covariance1, double[] mean2, double[,] covariance2)
    {
        TorchRuntime.EnsureLoaded();
        using DisposeScope scope = NewDisposeScope();
        return FrechetDistance.Between(tensor(mean1), tensor(covariance1), tensor(mean2), tensor(covariance2));
    }

    [Fact]
    public void Of_independent_dimensions_it_is_the_sum_over_them()
    {
        // (μ₁ − μ₂)² + (σ₁ − σ₂)² each: 9 + 1, 0 + 4, 0 + 0.
        double distance = Between(
            [1, 5, 0], new double[,] { { 4, 0, 0 }, { 0, 9, 0 }, { 0, 0, 2 } },
            [4, 5, 0], new double[,] { { 1, 0, 0 }, { 0, 25, 0 }, { 0, 0, 2 } });
        Assert.Equal(14, distance, 1e-9);
    }

    [Fact]
    public void Of_covariances_with_the_same_axes_it_compares_deviations_along_them()
    {
        // Both turned by 30°, with deviations 3, 1 and 1, 2: (3 − 1)² + (1 − 2)² = 5.
        Assert.Equal(5, Between([0, 0], Turned(9, 1), [0, 0], Turned(1, 4)), 1e-9);

        static double[,] Turned(double first, double second)
        {
            (double s, double c) = Math.SinCos(Math.PI / 6);
            double across = (first - second) * s * c;
            return new double[,] { { first * c * c + second * s * s, across }, { across, first * s * s + second * c * c } };
        }
    }

    [Fact]
    public void Of_any_covariances_of_two_dimensions_it_follows_from_trace_and_determinant()
    {
        // Tr √M = √(Tr M + 2 √det M) for 2×2. Σ₁Σ₂ = [[1, 3], [−1, 9]]: trace 10, determinant 12.
        double distance = Between([0, 0], new double[,] { { 2, 1 }, { 1, 2 } }, [1, 1], new double[,] { { 1, -1 }, { -1, 5 } });
        Assert.Equal(2 + 4 + 6 - 2 * Math.Sqrt(10 + 2 * Math.Sqrt(12)), distance, 1e-9);
    }

    [Fact]
    public void Of_covariances_of_a_single_direction_it_is_finite_and_right()
    {
        // Σ = uuᵀ and vvᵀ: Tr (Σ₁Σ₂)^½ = |u·v|, with u = (3, 4), v = (1, 0): 25 + 1 − 6.
        Assert.Equal(20, Between([0, 0], new double[,] { { 9, 12 }, { 12, 16 } }, [0, 0], new double[,] { { 1, 0 }, { 0, 0 } }), 1e-6);
    }

    [Fact]
    public void Of_a_distribution_to_itself_it_is_zero()
    {
        double[,] covariance = { { 2, 1 }, { 1, 2 } };
        Assert.Equal(0, Between([3, 4], covariance, [3, 4], covariance), 1e-9);
    }

    [Fact]
    public void Moments_added_in_parts_are_those_of_all_rows_even_far_from_zero()
    {
        TorchRuntime.EnsureLoaded();
        using DisposeScope scope = NewDisposeScope();
        using var moments = new FeatureMoments(2);
        moments.Add(tensor(new[,] { { 1e6f + 1, 0f }, { 1e6f + 3, 2f } }));
        moments.Add(tensor(new[,] { { 1e6f + 5, 1f } }));

        // Deviations −2, 0, 2 and −1, 1, 0; without bias 8/2, 2/2 and 2/2.
        Assert.Equal([1e6 + 3, 1], moments.Mean.data<double>().ToArray());
        Assert.Equal([4, 1, 1, 1], moments.Covariance.flatten().data<double>().ToArray());
        Assert.Equal(3, moments.Count);
    }
}
