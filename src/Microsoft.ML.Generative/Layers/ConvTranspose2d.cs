using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// A transposed convolution with a square kernel: [batch, inputs, height, width] → [batch, outputs, ..], the shape that a convolution of
/// the same sizes would start from.
/// </summary>
internal sealed class ConvTranspose2d : WeightedLayer
{
    private readonly long[] _strides;
    private readonly long[] _padding;
    private readonly long[] _outputPadding;

    public ConvTranspose2d(
        long inputs, long outputs, long kernelSize, long stride = 1, long padding = 0, long outputPadding = 0, bool hasBias = true)
        : base(nameof(ConvTranspose2d), [inputs, outputs, kernelSize, kernelSize], outputs, hasBias)
    {
        (_strides, _padding, _outputPadding) = ([stride, stride], [padding, padding], [outputPadding, outputPadding]);
    }

    protected override Tensor Compute(Tensor input) => F.conv_transpose2d(
        MixedPrecision.Cast(input), MixedPrecision.Cast(Weight.Dense()), CastBias(), _strides, _padding, _outputPadding);
}
