using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>A convolution whose variant is its transpose: the gradient of the input of each is the other.</summary>
/// <typeparam name="TFunction">The type itself, which says how the two are computed.</typeparam>
internal abstract class TransposableConvolution<TFunction> : ConvolutionFunction<TFunction>, IConvolution
    where TFunction : TransposableConvolution<TFunction>, ITransposableConvolution, new()
{
    static Tensor IConvolution.Forward(Tensor input, Tensor weight, Tensor? bias, bool isVariant)
    {
        using IDisposable noGradient = no_grad();
        return TFunction.Convolve(input, weight, bias, isVariant);
    }

    static (Tensor? Input, Tensor? Weight, Tensor? Bias) IConvolution.Gradients(
        ConvolutionNeeds needs, Tensor input, Tensor weight, Tensor gradient) => (
        needs.Input ? TFunction.Convolve(gradient, weight, null, !needs.IsVariant) : null,
        needs.Weight ? TFunction.WeightGradient(input, weight, gradient, needs.IsVariant) : null,
        BiasGradient(needs, gradient));

    static (Tensor? Input, Tensor? Weight, Tensor? Bias) IConvolution.DifferentiableGradients(
        ConvolutionNeeds needs, Tensor input, Tensor weight, Tensor gradient)
    {
        Tensor? inputs = needs.Input ? TFunction.ByOperations(gradient, weight, !needs.IsVariant) : null;
        Tensor? weights = null;
        if (needs.Weight)
        {
            Tensor output = TFunction.ByOperations(input, weight, needs.IsVariant);
            weights = autograd.grad([output], [weight], [gradient], retain_graph: true, create_graph: true)[0];
        }

        return (inputs, weights, BiasGradient(needs, gradient));
    }

    private static Tensor? BiasGradient(ConvolutionNeeds needs, Tensor gradient) => needs.Bias ? gradient.sum([0L, 2, 3]) : null;
}
