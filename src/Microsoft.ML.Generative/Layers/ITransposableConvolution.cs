using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>How a <see cref="TransposableConvolution{TFunction}"/> and its transpose are computed, with the same weights.</summary>
internal interface ITransposableConvolution
{
    static abstract Tensor Convolve(Tensor input, Tensor weight, Tensor? bias, bool isTransposed);

    static abstract Tensor WeightGradient(Tensor input, Tensor weight, Tensor gradient, bool isTransposed);

    /// <summary>The same as <see cref="Convolve"/>, by libtorch's operations and without a bias.</summary>
    static abstract Tensor ByOperations(Tensor input, Tensor weight, bool isTransposed);
}
