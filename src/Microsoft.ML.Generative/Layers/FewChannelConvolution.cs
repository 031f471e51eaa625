using Microsoft.ML.Generative.Runtime.Kernels;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// A convolution of images with few channels, as a network's first layer is, or the transpose of one, as its last may be, by
/// <see cref="ColumnConvolution"/>, with gradients: 3×3 of stride 1, or 4×4 of stride 2, with padding 1.
/// </summary>
internal static class FewChannelConvolution
{
    // With more, Winograd's algorithm has fewer multiplications.
    private const long MostChannels = MatrixKernel.Lanes - 1;
    private const long FewestFeatures = MatrixKernel.Lanes;

    // Floats that an image's columns may take of a core's second-level cache.
    private const long MostColumns = 1 << 18;

    /// <summary>
    /// Whether the kernel is faster than libtorch's. That depends on a row's sizes alone, so that a row's result is the same in each batch.
    /// </summary>
    /// <param name="input">[batch, channels, height, width].</param>
    /// <param name="weight">
    /// [features, channels, side, side] of the convolution, or that whose transpose it is; the stride is 1 with a side of 3, and 2 with one
    /// of 4.
    /// </param>
    /// <param name="isTransposed">Whether it is the transpose.</param>
    public static bool CanUse(Tensor input, Tensor weight, bool isTransposed) =>
        weight.size(0) >= FewestFeatures && weight.size(1) <= MostChannels
        && ConvolutionShape.Find(input, weight, isTransposed) is { } shape
        && (long)shape.PaddedTaps * shape.PaddedPixels <= MostColumns;

    /// <summary>Convolves images.</summary>
    /// <param name="input">[batch, channels, height, width].</param>
    /// <param name="weight">[features, channels, side, side] of the convolution, or that whose transpose it is.</param>
    /// <param name="bias">One value for each channel of the result, or <see langword="null"/>.</param>
    /// <param name="isTransposed">Whether it is the transpose.</param>
    public static Tensor Apply(Tensor input, Tensor weight, Tensor? bias, bool isTransposed) =>
        Convolution.Apply(input, weight, bias, isTransposed);

    private sealed unsafe class Convolution : TransposableConvolution<Convolution>, ITransposableConvolution
    {
        public override string Name => nameof(FewChannelConvolution);

        public static void Reduce(float* images, float* w, float* bias, float* features, ConvolutionShape shape) =>
            ColumnConvolution.Reduce(images, w, bias, features, shape);

        public static void Expand(float* features, float* w, float* bias, float* images, ConvolutionShape shape) =>
            ColumnConvolution.Expand(features, w, bias, images, shape);

        public static void WeightGradient(float* images, float* features, float* weights, ConvolutionShape shape) =>
            ColumnConvolution.WeightGradient(images, features, weights, shape);
    }
}
