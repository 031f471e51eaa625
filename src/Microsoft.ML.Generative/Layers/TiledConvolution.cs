using System.Runtime.Intrinsics.X86;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Kernels;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// A 3×3 convolution of stride 1 and padding 1 by <see cref="WinogradConvolution"/>, with gradients. It reads and writes images as they
/// are: oneDNN's convolutions bring them into an order of their own and back.
/// </summary>
internal static class TiledConvolution
{
    // With fewer there is too little to multiply.
    private const long FewestInputs = MatrixKernel.Lanes;

    /// <summary>
    /// Whether the kernel is faster than libtorch's. That depends on a row's sizes alone, so that a row's result is the same in each batch.
    /// </summary>
    /// <param name="input">[batch, inputs, height, width].</param>
    /// <param name="weight">[outputs, inputs, 3, 3].</param>
    /// <param name="isEnlarged">Whether the images are enlarged twice by nearest neighbors before.</param>
    public static bool CanUse(Tensor input, Tensor weight, bool isEnlarged = false)
    {
        if (!Avx512F.IsSupported || !CpuKernels.CanUse(input) || !CpuKernels.CanUse(weight) || input.dim() != 4
            || input.size(1) != weight.size(1) || weight.size(1) < FewestInputs)
            return false;
        int scale = isEnlarged ? 2 : 1;
        (long height, long width) = (scale * input.size(2), scale * input.size(3));
        var shape = new WinogradShape(1, weight.size(1), weight.size(0), height, width);
        long tiles = (long)shape.TileRows * shape.TilesInRow;
        // A single tile is not worth the transformation of the weights; where most of a tile is beyond the image, nothing is gained.
        return tiles >= 4 && 2 * height * width >= tiles * WinogradTransforms.Tile * WinogradTransforms.Tile;
    }

    /// <param name="input">[batch, inputs, height, width].</param>
    /// <param name="weight">[outputs, inputs, 3, 3].</param>
    /// <param name="bias">[outputs], or <see langword="null"/>.</param>
    /// <param name="isEnlarged">Whether the images are enlarged twice by nearest neighbors before.</param>
    public static Tensor Apply(Tensor input, Tensor weight, Tensor? bias, bool isEnlarged = false) =>
        Convolution.Apply(input, weight, bias, isEnlarged);

    private static unsafe Tensor Forward(Tensor input, Tensor weight, Tensor? bias, bool isEnlarged)
    {
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        WinogradShape shape = Shape(input, weight, isEnlarged);
        Tensor output = empty(shape.Batch, shape.Outputs, shape.Height, shape.Width);
        WinogradConvolution.Run(Start(input), Start(weight), Start(bias), Start(output), shape, isWayBack: false);
        return output.MoveToOuterDisposeScope();
    }

    private static unsafe Tensor InputGradient(Tensor input, Tensor weight, Tensor gradient, bool isEnlarged)
    {
        using DisposeScope scope = NewDisposeScope();
        var shape = new WinogradShape(
            gradient.size(0), weight.size(0), weight.size(1), gradient.size(2), gradient.size(3), isEnlarged);
        Tensor output = empty(input.shape);
        WinogradConvolution.Run(Start(gradient), Start(weight), null, Start(output), shape, isWayBack: true);
        return output.MoveToOuterDisposeScope();
    }

    private static unsafe (Tensor Weight, Tensor Bias) WeightGradients(Tensor input, Tensor weight, Tensor gradient, bool isEnlarged)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor weights = empty(weight.shape), biases = empty(weight.size(0));
        WinogradWeightGradient.Run(Start(input), Start(gradient), Start(weights), Start(biases), Shape(input, weight, isEnlarged));
        return (weights.MoveToOuterDisposeScope(), biases.MoveToOuterDisposeScope());
    }

    private static WinogradShape Shape(Tensor input, Tensor weight, bool isEnlarged)
    {
        int scale = isEnlarged ? 2 : 1;
        return new(input.size(0), weight.size(1), weight.size(0), scale * input.size(2), scale * input.size(3), isEnlarged);
    }

    private static unsafe float* Start(Tensor? values) =>
        values is null || values.numel() == 0 ? null : TensorMemory.Floats(values);

    // The variant enlarges the images before.
    private sealed class Convolution : ConvolutionFunction<Convolution>, IConvolution
    {
        public override string Name => nameof(TiledConvolution);

        public static Tensor Forward(Tensor input, Tensor weight, Tensor? bias, bool isVariant) =>
            TiledConvolution.Forward(input, weight, bias, isVariant);

        public static (Tensor? Input, Tensor? Weight, Tensor? Bias) Gradients(
            ConvolutionNeeds needs, Tensor input, Tensor weight, Tensor gradient)
        {
            Tensor? inputs = needs.Input ? InputGradient(input, weight, gradient, needs.IsVariant) : null;
            if (!needs.Weight && !needs.Bias)
                return (inputs, null, null);
            (Tensor weights, Tensor biases) = WeightGradients(input, weight, gradient, needs.IsVariant);
            return (inputs, needs.Weight ? weights : null, needs.Bias ? biases : null);
        }

        public static (Tensor? Input, Tensor? Weight, Tensor? Bias) DifferentiableGradients(
            ConvolutionNeeds needs, Tensor input, Tensor weight, Tensor gradient)
        {
            long[] one = [1, 1];
            using DisposeScope scope = NewDisposeScope();
            Tensor? inputs = needs.Input ? F.conv_transpose2d(gradient, weight, strides: one, padding: one) : null;
            if (needs.IsVariant)
            {
                inputs = inputs is null ? null : F.avg_pool2d(inputs, 2).Times(4);
                input = Upsampling.Nearest(input);
            }

            Tensor? weights = needs.Weight
                ? F.conv2d(input.transpose(0, 1), gradient.transpose(0, 1), strides: one, padding: one).transpose(0, 1)
                : null;
            Tensor? biases = needs.Bias ? gradient.sum([0L, 2, 3]) : null;
            return (inputs?.MoveToOuterDisposeScope(), weights?.MoveToOuterDisposeScope(), biases?.MoveToOuterDisposeScope());
        }
    }
}
