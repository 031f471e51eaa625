using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Evaluation;

/// <summary>
/// The squared maximum mean discrepancy of two samples (Gretton et al. 2012, lemma 6, without bias) with the kernel (x·y / size + 1)³
/// (Bińkowski et al. 2018).
/// </summary>
internal static class KernelDistance
{
    private const int LargestDefaultSubset = 1_000;
    private const int DefaultSubsets = 10;

    /// <summary>The estimate over disjoint subsets of both samples: their mean, and its standard error, NaN if there is but one.</summary>
    /// <param name="x">[rows, size].</param>
    /// <param name="y">[rows, size].</param>
    /// <param name="subsetSize">
    /// Rows in a subset, 2 to the rows that there are; <see langword="null"/>: a tenth of them, at most 1,000.
    /// </param>
    /// <param name="seed">Which rows are in which subset.</param>
    /// <param name="check">Called between subsets.</param>
    public static (double Mean, double StandardError) Estimate(Tensor x, Tensor y, int? subsetSize, long seed, Action check)
    {
        long rows = Math.Min(x.size(0), y.size(0));
        long size = subsetSize ?? Math.Clamp(rows / DefaultSubsets, 2, LargestDefaultSubset);
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator((ulong)seed);
        Tensor orderX = randperm(x.size(0), generator: generator);
        Tensor orderY = randperm(y.size(0), generator: generator);
        double[] estimates = new double[rows / size];
        for (int i = 0; i < estimates.Length; i++)
        {
            check();
            using DisposeScope inner = NewDisposeScope();
            estimates[i] = Unbiased(
                x.index_select(0, orderX.narrow(0, i * size, size)).to(ScalarType.Float64),
                y.index_select(0, orderY.narrow(0, i * size, size)).to(ScalarType.Float64));
        }

        double mean = estimates.Average();
        double variance = estimates.Sum(e => (e - mean) * (e - mean)) / (estimates.Length - 1);
        return (mean, estimates.Length == 1 ? double.NaN : Math.Sqrt(variance / estimates.Length));
    }

    /// <summary>May be below 0, since its mean is 0 for samples of one distribution.</summary>
    public static double Unbiased(Tensor x, Tensor y)
    {
        using DisposeScope scope = NewDisposeScope();
        return WithoutDiagonal(Kernel(x, x)) + WithoutDiagonal(Kernel(y, y)) - 2 * Kernel(x, y).mean().item<double>();
    }

    private static Tensor Kernel(Tensor x, Tensor y)
    {
        Tensor product = x.mm(y.t()).Times(1.0 / x.size(1)).Plus(1);
        return product.Squared() * product;
    }

    private static double WithoutDiagonal(Tensor kernel)
    {
        long rows = kernel.size(0);
        return (kernel.sum().item<double>() - kernel.trace().item<double>()) / (rows * (rows - 1));
    }
}
