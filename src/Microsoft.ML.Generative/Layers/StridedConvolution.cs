using Microsoft.ML.Generative.Runtime.Kernels;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// A 4×4 convolution of stride 2 and padding 1, or its transpose, by <see cref="StridedWinogradConvolution"/>, with gradients.
/// </summary>
internal static class StridedConvolution
{
    /// <summary>The side of the kernel.</summary>
    public const long Side = 4;

    /// <summary>The stride.</summary>
    public const long Stride = 2;

    /// <summary>The padding.</summary>
    public const long Padding = 1;

    // With fewer there is too little to multiply.
    private const long FewestChannels = MatrixKernel.Lanes;

    /// <summary>
    /// Whether the kernel is faster than libtorch's for a batch of images; for a single image, the transformation of the weights takes
    /// longer than it saves.
    /// </summary>
    /// <param name="input">[batch, channels, height, width].</param>
    /// <param name="weight">[outputs, inputs, 4, 4] of the convolution, or that whose transpose it is.</param>
    /// <param name="isTransposed">Whether it is the transpose.</param>
    public static bool CanUse(Tensor input, Tensor weight, bool isTransposed)
    {
        if (Math.Min(weight.size(0), weight.size(1)) < FewestChannels
            || ConvolutionShape.Find(input, weight, isTransposed) is not { } sizes)
            return false;
        WinogradShape shape = Tiled(sizes);
        long tiles = (long)shape.TileRows * shape.TilesInRow;
        // Where most of a tile is beyond the image, nothing is gained.
        return 2 * shape.Height * shape.Width >= tiles * StridedWinogradTransforms.Tile * StridedWinogradTransforms.Tile;
    }

    /// <summary>Convolves images.</summary>
    /// <param name="input">[batch, channels, height, width].</param>
    /// <param name="weight">[outputs, inputs, 4, 4] of the convolution, or that whose transpose it is.</param>
    /// <param name="bias">One value for each channel of the result, or <see langword="null"/>.</param>
    /// <param name="isTransposed">Whether it is the transpose.</param>
    public static Tensor Apply(Tensor input, Tensor weight, Tensor? bias, bool isTransposed) =>
        Convolution.Apply(input, weight, bias, isTransposed);

    // The small images, with the channels of the large ones as inputs.
    private static WinogradShape Tiled(ConvolutionShape shape) =>
        new(shape.Batch, shape.Channels, shape.Features, shape.Rows, shape.Columns);

    private sealed unsafe class Convolution : TransposableConvolution<Convolution>, ITransposableConvolution
    {
        public override string Name => nameof(StridedConvolution);

        public static void Reduce(float* images, float* w, float* bias, float* features, ConvolutionShape shape) =>
            StridedWinogradConvolution.Halve(images, w, bias, features, Tiled(shape));

        public static void Expand(float* features, float* w, float* bias, float* images, ConvolutionShape shape) =>
            StridedWinogradConvolution.Double(features, w, bias, images, Tiled(shape));

        public static void WeightGradient(float* images, float* features, float* weights, ConvolutionShape shape) =>
            StridedWinogradWeightGradient.Run(images, features, weights, Tiled(shape));
    }
}
