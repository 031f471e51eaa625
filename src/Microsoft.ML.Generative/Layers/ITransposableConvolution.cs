using Microsoft.ML.Generative.Runtime.Kernels;

namespace Microsoft.ML.Generative.Layers;

/// <summary>The kernels of a <see cref="TransposableConvolution{TFunction}"/> and its transpose, with the same weights.</summary>
internal unsafe interface ITransposableConvolution
{
    /// <summary>features = w ∗ images + b.</summary>
    /// <param name="images">[batch, channels, height, width].</param>
    /// <param name="w">[features, channels, side, side].</param>
    /// <param name="bias">[features], or null.</param>
    /// <param name="features">[batch, features, rows, columns].</param>
    /// <param name="shape">The sizes.</param>
    static abstract void Reduce(float* images, float* w, float* bias, float* features, ConvolutionShape shape);

    /// <summary>The transpose: of the features, the images.</summary>
    /// <param name="features">[batch, features, rows, columns].</param>
    /// <param name="w">[features, channels, side, side].</param>
    /// <param name="bias">[channels], or null.</param>
    /// <param name="images">[batch, channels, height, width].</param>
    /// <param name="shape">The sizes.</param>
    static abstract void Expand(float* features, float* w, float* bias, float* images, ConvolutionShape shape);

    /// <summary>The gradient of the weights, of either of the two.</summary>
    /// <param name="images">The images or their gradient, [batch, channels, height, width].</param>
    /// <param name="features">The features or their gradient, [batch, features, rows, columns].</param>
    /// <param name="weights">[features, channels, side, side].</param>
    /// <param name="shape">The sizes.</param>
    static abstract void WeightGradient(float* images, float* features, float* weights, ConvolutionShape shape);
}
