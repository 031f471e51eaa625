using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>How a <see cref="ConvolutionFunction{TFunction}"/> is computed.</summary>
internal interface IConvolution
{
    static abstract Tensor Forward(Tensor input, Tensor weight, Tensor? bias, bool isVariant);

    /// <summary>The gradients that are needed; <see langword="null"/> for the others.</summary>
    static abstract (Tensor? Input, Tensor? Weight, Tensor? Bias) Gradients(
        ConvolutionNeeds needs, Tensor input, Tensor weight, Tensor gradient);

    /// <summary>The same by operations that libtorch can derive again, for gradients of gradients.</summary>
    static abstract (Tensor? Input, Tensor? Weight, Tensor? Bias) DifferentiableGradients(
        ConvolutionNeeds needs, Tensor input, Tensor weight, Tensor gradient);
}
