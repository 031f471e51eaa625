using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Kernels;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// A convolution with padding 1, 3×3 of stride 1 or 4×4 of stride 2, whose variant is its transpose: the gradient of the input of each is
/// the other.
/// </summary>
/// <typeparam name="TFunction">The type itself, which has the kernels.</typeparam>
internal abstract class TransposableConvolution<TFunction> : ConvolutionFunction<TFunction>, IConvolution
    where TFunction : TransposableConvolution<TFunction>, ITransposableConvolution, new()
{
    private static readonly long[] _padding = [1, 1];

    static Tensor IConvolution.Forward(Tensor input, Tensor weight, Tensor? bias, bool isVariant)
    {
        using IDisposable noGradient = no_grad();
        return Convolve(input, weight, bias, isVariant);
    }

    static (Tensor? Input, Tensor? Weight, Tensor? Bias) IConvolution.Gradients(
        ConvolutionNeeds needs, Tensor input, Tensor weight, Tensor gradient) => (
        needs.Input ? Convolve(gradient, weight, null, !needs.IsVariant) : null,
        needs.Weight ? WeightGradient(input, weight, gradient, needs.IsVariant) : null,
        BiasGradient(needs, gradient));

    static (Tensor? Input, Tensor? Weight, Tensor? Bias) IConvolution.DifferentiableGradients(
        ConvolutionNeeds needs, Tensor input, Tensor weight, Tensor gradient)
    {
        Tensor? inputs = needs.Input ? ByOperations(gradient, weight, !needs.IsVariant) : null;
        Tensor? weights = null;
        if (needs.Weight)
        {
            Tensor output = ByOperations(input, weight, needs.IsVariant);
            weights = autograd.grad([output], [weight], [gradient], retain_graph: true, create_graph: true)[0];
        }

        return (inputs, weights, BiasGradient(needs, gradient));
    }

    private static Tensor? BiasGradient(ConvolutionNeeds needs, Tensor gradient) => needs.Bias ? gradient.sum([0L, 2, 3]) : null;

    private static unsafe Tensor Convolve(Tensor input, Tensor weight, Tensor? bias, bool isTransposed)
    {
        using DisposeScope scope = NewDisposeScope();
        ConvolutionShape shape = ConvolutionShape.Of(input, weight, isTransposed);
        float* from = TensorMemory.Floats(input), w = TensorMemory.Floats(weight), b = TensorMemory.Floats(bias);
        Tensor output;
        if (isTransposed)
        {
            output = empty(shape.Batch, shape.Channels, shape.Height, shape.Width);
            TFunction.Expand(from, w, b, TensorMemory.Floats(output), shape);
        }
        else
        {
            output = empty(shape.Batch, shape.Features, shape.Rows, shape.Columns);
            TFunction.Reduce(from, w, b, TensorMemory.Floats(output), shape);
        }

        return output.MoveToOuterDisposeScope();
    }

    private static unsafe Tensor WeightGradient(Tensor input, Tensor weight, Tensor gradient, bool isTransposed)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor output = empty(weight.shape);
        (Tensor images, Tensor features) = isTransposed ? (gradient, input) : (input, gradient);
        TFunction.WeightGradient(
            TensorMemory.Floats(images), TensorMemory.Floats(features), TensorMemory.Floats(output),
            ConvolutionShape.Of(input, weight, isTransposed));
        return output.MoveToOuterDisposeScope();
    }

    // Without a bias.
    private static Tensor ByOperations(Tensor input, Tensor weight, bool isTransposed)
    {
        long stride = ConvolutionShape.Of(input, weight, isTransposed).Stride;
        return isTransposed
            ? F.conv_transpose2d(input, weight, null, [stride, stride], _padding)
            : F.conv2d(input, weight, null, [stride, stride], _padding);
    }
}
