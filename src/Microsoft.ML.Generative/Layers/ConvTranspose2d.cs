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
    private readonly bool _doublesSize;

    public ConvTranspose2d(
        long inputs, long outputs, long kernelSize, long stride = 1, long padding = 0, long outputPadding = 0, bool hasBias = true)
        : base(nameof(ConvTranspose2d), [inputs, outputs, kernelSize, kernelSize], outputs, hasBias)
    {
        (_strides, _padding, _outputPadding) = ([stride, stride], [padding, padding], [outputPadding, outputPadding]);
        _doublesSize = kernelSize == StridedConvolution.Side && stride == StridedConvolution.Stride
            && padding == StridedConvolution.Padding && outputPadding == 0;
    }

    public long Stride => _strides[0];

    public long Padding => _padding[0];

    public long OutputPadding => _outputPadding[0];

    public override long[] MatrixShape => [Weight.Shape[1], Weight.Shape[0], .. Weight.Shape[2..]];

    public override Tensor Matrix() => base.Matrix().transpose(0, 1);

    public override Tensor Map(Tensor input, Tensor matrix) => Convolve(input, matrix.transpose(0, 1), null);

    protected override Tensor Compute(Tensor input) => Convolve(input, Weight.Dense(), CastBias());

    private Tensor Convolve(Tensor input, Tensor kernel, Tensor? bias)
    {
        Tensor x = MixedPrecision.Cast(input), weight = MixedPrecision.Cast(kernel);
        if (_doublesSize && training && StridedConvolution.CanUse(x, weight, isTransposed: true))
            return StridedConvolution.Apply(x, weight, bias, isTransposed: true);
        return _doublesSize && FewChannelConvolution.CanUse(x, weight, isTransposed: true)
            ? FewChannelConvolution.Apply(x, weight, bias, isTransposed: true)
            : F.conv_transpose2d(x, weight, bias, _strides, _padding, _outputPadding);
    }
}
