using Microsoft.ML.Generative.Images.Evaluation;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

public sealed class KernelDistanceTests
{
    private static Tensor Column(params double[] values) => tensor(values, [values.Length, 1]);

    // Kernel (ab + 1)³: within x 3³, within y 1, across 1, 8, 1, 27.
    [Fact]
    public void Of_two_rows_each_it_is_what_comes_out_by_hand()
    {
        TorchRuntime.EnsureLoaded();
        using DisposeScope scope = NewDisposeScope();
        Assert.Equal(27 + 1 - 2 * 37 / 4.0, KernelDistance.Unbiased(Column(1, 2), Column(0, 1)), 1e-12);

        // The product is divided by the number of features: (4 / 2 + 1)³ across, (1 / 2 + 1)³ and (9 / 2 + 1)³ within.
        Tensor x = tensor(new double[,] { { 1, 0 }, { 1, 0 } });
        Tensor y = tensor(new double[,] { { 3, 0 }, { 3, 0 } });
        Assert.Equal(Math.Pow(1.5, 3) + Math.Pow(5.5, 3) - 2 * Math.Pow(2.5, 3), KernelDistance.Unbiased(x, y), 1e-12);
    }

    [Fact]
    public void Over_all_samples_of_one_distribution_its_mean_is_zero()
    {
        TorchRuntime.EnsureLoaded();
        double[] values = [-1, 0.5, 2];
        double sum = 0;
        for (int i = 0; i < 81; i++)
        {
            using DisposeScope scope = NewDisposeScope();
            sum += KernelDistance.Unbiased(Column(values[i % 3], values[i / 3 % 3]), Column(values[i / 9 % 3], values[i / 27]));
        }

        Assert.Equal(0, sum / 81, 1e-12);
    }

    [Fact]
    public void Its_standard_error_is_honest()
    {
        TorchRuntime.EnsureLoaded();
        using var generator = new Generator(5);
        int beyond = 0;
        const int Trials = 3000;
        double[] means = new double[Trials];
        double errors = 0;
        for (int i = 0; i < Trials; i++)
        {
            using DisposeScope scope = NewDisposeScope();
            (means[i], double error) = KernelDistance.Estimate(
                randn([60, 3], generator: generator), randn([60, 3], generator: generator), 6, i, () => { });
            errors += error / Trials;
            // The 97.5% point of Student's t with 9 degrees of freedom.
            beyond += Math.Abs(means[i]) > 2.262 * error ? 1 : 0;
        }

        double deviation = Math.Sqrt(means.Sum(m => m * m) / Trials);
        Assert.InRange(errors / deviation, 0.8, 1.2);
        Assert.InRange(means.Average(), -3 * deviation / Math.Sqrt(Trials), 3 * deviation / Math.Sqrt(Trials));
        Assert.InRange(beyond / (double)Trials, 0, 0.1);
    }

    [Fact]
    public void A_single_subset_has_no_standard_error_and_is_the_estimate_of_all_rows()
    {
        TorchRuntime.EnsureLoaded();
        using DisposeScope scope = NewDisposeScope();
        (double mean, double error) = KernelDistance.Estimate(Column(1, 2, 5), Column(0, 1, 7), 3, 1, () => { });
        Assert.Equal(KernelDistance.Unbiased(Column(1, 2, 5), Column(0, 1, 7)), mean, 1e-9);
        Assert.Equal(double.NaN, error);
    }
}
