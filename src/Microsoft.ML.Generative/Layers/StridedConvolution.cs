using System.Runtime.Intrinsics.X86;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Kernels;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

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

    private static readonly long[] _strides = [Stride, Stride];
    private static readonly long[] _padding = [Padding, Padding];

    /// <summary>
    /// Whether the kernel is faster than libtorch's for a batch of images; for a single image, the transformation of the weights takes
    /// longer than it saves.
    /// </summary>
    /// <param name="input">[batch, channels, height, width].</param>
    /// <param name="weight">[outputs, inputs, 4, 4] of the convolution, or that whose transpose it is.</param>
    /// <param name="isTransposed">Whether it is the transpose.</param>
    public static bool CanUse(Tensor input, Tensor weight, bool isTransposed)
    {
        if (!Avx512F.IsSupported || !CpuKernels.CanUse(input) || !CpuKernels.CanUse(weight) || input.dim() != 4 || input.numel() == 0
            || input.size(1) != weight.size(isTransposed ? 0 : 1) || Math.Min(weight.size(0), weight.size(1)) < FewestChannels
            || (!isTransposed && (input.size(2) % Stride != 0 || input.size(3) % Stride != 0)))
            return false;
        WinogradShape shape = Shape(input, weight, isTransposed);
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

    private static Tensor ByOperations(Tensor input, Tensor weight, bool isTransposed) => isTransposed
        ? F.conv_transpose2d(input, weight, null, _strides, _padding)
        : F.conv2d(input, weight, null, _strides, _padding);

    private static unsafe Tensor Forward(Tensor input, Tensor weight, Tensor? bias, bool isTransposed)
    {
        using DisposeScope scope = NewDisposeScope();
        WinogradShape shape = Shape(input, weight, isTransposed);
        float* from = Start(input), weights = Start(weight), biases = bias is null ? null : Start(bias);
        Tensor output;
        if (isTransposed)
        {
            output = empty(shape.Batch, shape.Inputs, 2L * shape.Height, 2L * shape.Width);
            StridedWinogradConvolution.Double(from, weights, biases, Start(output), shape);
        }
        else
        {
            output = empty(shape.Batch, shape.Outputs, shape.Height, shape.Width);
            StridedWinogradConvolution.Halve(from, weights, biases, Start(output), shape);
        }

        return output.MoveToOuterDisposeScope();
    }

    private static unsafe Tensor WeightGradient(Tensor input, Tensor weight, Tensor gradient, bool isTransposed)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor output = empty(weight.shape);
        (Tensor large, Tensor small) = isTransposed ? (gradient, input) : (input, gradient);
        StridedWinogradWeightGradient.Run(Start(large), Start(small), Start(output), Shape(input, weight, isTransposed));
        return output.MoveToOuterDisposeScope();
    }

    // The small images, with the channels of the large ones as inputs.
    private static WinogradShape Shape(Tensor input, Tensor weight, bool isTransposed)
    {
        long scale = isTransposed ? 1 : Stride;
        return new(input.size(0), weight.size(1), weight.size(0), input.size(2) / scale, input.size(3) / scale);
    }

    // What the copy of a tensor that is not contiguous takes is released with the caller's scope.
    private static unsafe float* Start(Tensor values) => (float*)TensorMemory.Start(values.contiguous());

    private sealed class Convolution : TransposableConvolution<Convolution>, ITransposableConvolution
    {
        public override string Name => nameof(StridedConvolution);

        public static Tensor Convolve(Tensor input, Tensor weight, Tensor? bias, bool isTransposed) =>
            Forward(input, weight, bias, isTransposed);

        public static Tensor WeightGradient(Tensor input, Tensor weight, Tensor gradient, bool isTransposed) =>
            StridedConvolution.WeightGradient(input, weight, gradient, isTransposed);

        public static Tensor ByOperations(Tensor input, Tensor weight, bool isTransposed) =>
            StridedConvolution.ByOperations(input, weight, isTransposed);
    }
}
