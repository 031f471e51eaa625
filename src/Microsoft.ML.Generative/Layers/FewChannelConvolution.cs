using System.Runtime.Intrinsics.X86;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Kernels;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

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

    private static readonly long[] _padding = [1, 1];

    /// <summary>
    /// Whether the kernel is faster than libtorch's. That depends on a row's sizes alone, so that a row's result is the same in each batch.
    /// </summary>
    /// <param name="input">[batch, channels, height, width].</param>
    /// <param name="weight">
    /// [features, channels, side, side] of the convolution, or that whose transpose it is; the stride is 1 with a side of 3, and 2 with one
    /// of 4.
    /// </param>
    /// <param name="isTransposed">Whether it is the transpose.</param>
    public static bool CanUse(Tensor input, Tensor weight, bool isTransposed)
    {
        if (!Avx512F.IsSupported || !CpuKernels.CanUse(input) || !CpuKernels.CanUse(weight) || input.dim() != 4 || input.numel() == 0
            || input.size(1) != weight.size(isTransposed ? 0 : 1) || weight.size(0) < FewestFeatures || weight.size(1) > MostChannels
            || (!isTransposed && (input.size(2) % Stride(weight) != 0 || input.size(3) % Stride(weight) != 0)))
            return false;
        ColumnShape shape = Shape(input, weight, isTransposed);
        return (long)shape.PaddedTaps * shape.PaddedPixels <= MostColumns;
    }

    /// <summary>Convolves images.</summary>
    /// <param name="input">[batch, channels, height, width].</param>
    /// <param name="weight">[features, channels, side, side] of the convolution, or that whose transpose it is.</param>
    /// <param name="bias">One value for each channel of the result, or <see langword="null"/>.</param>
    /// <param name="isTransposed">Whether it is the transpose.</param>
    public static Tensor Apply(Tensor input, Tensor weight, Tensor? bias, bool isTransposed) =>
        Convolution.Apply(input, weight, bias, isTransposed);

    private static unsafe Tensor Forward(Tensor input, Tensor weight, Tensor? bias, bool isTransposed)
    {
        using DisposeScope scope = NewDisposeScope();
        ColumnShape shape = Shape(input, weight, isTransposed);
        float* from = Start(input), weights = Start(weight), biases = bias is null ? null : Start(bias);
        Tensor output;
        if (isTransposed)
        {
            output = empty(shape.Batch, shape.Channels, shape.Height, shape.Width);
            ColumnConvolution.Expand(from, weights, biases, Start(output), shape);
        }
        else
        {
            output = empty(shape.Batch, shape.Features, shape.Rows, shape.Columns);
            ColumnConvolution.Reduce(from, weights, biases, Start(output), shape);
        }

        return output.MoveToOuterDisposeScope();
    }

    private static unsafe Tensor WeightGradient(Tensor input, Tensor weight, Tensor gradient, bool isTransposed)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor output = empty(weight.shape);
        (Tensor images, Tensor features) = isTransposed ? (gradient, input) : (input, gradient);
        ColumnConvolution.WeightGradient(Start(images), Start(features), Start(output), Shape(input, weight, isTransposed));
        return output.MoveToOuterDisposeScope();
    }

    private static Tensor ByOperations(Tensor input, Tensor weight, bool isTransposed)
    {
        long[] strides = [Stride(weight), Stride(weight)];
        return isTransposed
            ? F.conv_transpose2d(input, weight, null, strides, _padding)
            : F.conv2d(input, weight, null, strides, _padding);
    }

    private static long Stride(Tensor weight) => weight.size(2) - 2;

    private static ColumnShape Shape(Tensor input, Tensor weight, bool isTransposed)
    {
        long scale = isTransposed ? Stride(weight) : 1;
        return new(input.size(0), weight.size(1), weight.size(0), scale * input.size(2), scale * input.size(3), weight.size(2));
    }

    // What the copy of a tensor that is not contiguous takes is released with the caller's scope.
    private static unsafe float* Start(Tensor values) => (float*)TensorMemory.Start(values.contiguous());

    private sealed class Convolution : TransposableConvolution<Convolution>, ITransposableConvolution
    {
        public override string Name => nameof(FewChannelConvolution);

        public static Tensor Convolve(Tensor input, Tensor weight, Tensor? bias, bool isTransposed) =>
            Forward(input, weight, bias, isTransposed);

        public static Tensor WeightGradient(Tensor input, Tensor weight, Tensor gradient, bool isTransposed) =>
            FewChannelConvolution.WeightGradient(input, weight, gradient, isTransposed);

        public static Tensor ByOperations(Tensor input, Tensor weight, bool isTransposed) =>
            FewChannelConvolution.ByOperations(input, weight, isTransposed);
    }
}
