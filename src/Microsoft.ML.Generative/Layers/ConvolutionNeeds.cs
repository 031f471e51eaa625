namespace Microsoft.ML.Generative.Layers;

/// <summary>Which tensors of a convolution need a gradient.</summary>
/// <param name="Input">Whether the images do.</param>
/// <param name="Weight">Whether the kernels do.</param>
/// <param name="Bias">Whether the bias does.</param>
/// <param name="IsVariant">Which of the function's two convolutions it is.</param>
internal readonly record struct ConvolutionNeeds(bool Input, bool Weight, bool Bias, bool IsVariant);
