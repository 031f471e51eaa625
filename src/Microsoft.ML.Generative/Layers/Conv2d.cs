using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Kernels;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Layers;

/// <summary>A convolution with a square kernel: [batch, inputs, height, width] → [batch, outputs, ..].</summary>
internal sealed class Conv2d : WeightedLayer
{
    private readonly long[] _strides;
    private readonly long[] _padding;
    private readonly bool _isPointwise;
    private readonly bool _keepsSize;
    private readonly bool _halvesSize;

    public Conv2d(long inputs, long outputs, long kernelSize, long stride = 1, long padding = 0, bool hasBias = true)
        : base(nameof(Conv2d), [outputs, inputs, kernelSize, kernelSize], outputs, hasBias)
    {
        (_strides, _padding) = ([stride, stride], [padding, padding]);
        _isPointwise = kernelSize == 1 && stride == 1 && padding == 0;
        _keepsSize = kernelSize == 3 && stride == 1 && padding == 1;
        _halvesSize = kernelSize == StridedConvolution.Side && stride == StridedConvolution.Stride
            && padding == StridedConvolution.Padding;
    }

    public long Stride => _strides[0];

    public long Padding => _padding[0];

    public override Tensor Map(Tensor input, Tensor matrix) => Convolve(input, matrix, null);

    /// <summary>The layer's output for an input whose channels are in two tensors, and what is added to it, as one operation.</summary>
    /// <param name="input">The first channels.</param>
    /// <param name="beside">Further channels, which follow them, or <see langword="null"/>.</param>
    /// <param name="added">Of the shape of the output.</param>
    public Tensor AddTo(Tensor input, Tensor? beside, Tensor added)
    {
        if (CanAddTo(input, beside) && CpuKernels.CanUse(added))
        {
            return OutputShapes.Note(
                this, PointwiseConvolution.Apply(new(input, Weight.Dense(), Beside: beside, Bias: Bias, Added: added)));
        }

        return call(beside is null ? input : cat([input, beside], 1)).Plus(added);
    }

    /// <summary>Whether <see cref="AddTo"/> is one operation, in which channels need not be in one tensor.</summary>
    /// <inheritdoc cref="AddTo" path="/param"/>
    public bool CanAddTo(Tensor input, Tensor? beside) =>
        _isPointwise && !HasAdapter && MixedPrecision.Current is null
        && StoredWeight is { } weight && PointwiseConvolution.IsFast(input, weight, beside);

    protected override Tensor Compute(Tensor input) => Convolve(input, Weight.Dense(), CastBias());

    private Tensor Convolve(Tensor input, Tensor kernel, Tensor? bias)
    {
        Tensor x = MixedPrecision.Cast(input), weight = MixedPrecision.Cast(kernel);
        if (_keepsSize && TiledConvolution.CanUse(x, weight))
            return TiledConvolution.Apply(x, weight, bias);
        if (_halvesSize && training && StridedConvolution.CanUse(x, weight, isTransposed: false))
            return StridedConvolution.Apply(x, weight, bias, isTransposed: false);
        if ((_keepsSize || _halvesSize) && FewChannelConvolution.CanUse(x, weight, isTransposed: false))
            return FewChannelConvolution.Apply(x, weight, bias, isTransposed: false);
        return _isPointwise ? Pointwise(x, weight, bias) : F.conv2d(x, weight, bias, _strides, _padding);
    }

    /// <summary>A convolution by a 1×1 kernel.</summary>
    /// <param name="x">[batch, inputs, height, width].</param>
    /// <param name="weight">[outputs, inputs, 1, 1], of the same type.</param>
    /// <param name="bias">[outputs], or <see langword="null"/>.</param>
    public static Tensor Pointwise(Tensor x, Tensor weight, Tensor? bias)
    {
        if (PointwiseConvolution.IsFast(x, weight))
            return PointwiseConvolution.Apply(new(x, weight, Bias: bias));
        return x.device_type == DeviceType.CPU ? PerImage(x, weight, bias) : F.conv2d(x, weight, bias);
    }

    // A matmul for each image: oneDNN's 1×1 convolution takes up to four times as long, most of it to bring images into its order and back.
    private static Tensor PerImage(Tensor x, Tensor weight, Tensor? bias)
    {
        (long batch, long inputs, long height, long width) = (x.size(0), x.size(1), x.size(2), x.size(3));
        long outputs = weight.size(0);
        Tensor perImage = weight.view(1, outputs, inputs).expand(batch, outputs, inputs); // [batch, outputs, inputs]
        Tensor pixels = x.flatten(2); // [batch, inputs, pixels]
        // TorchSharp takes what is added last.
        Tensor y = bias is null ? perImage.bmm(pixels) : baddbmm(perImage, pixels, bias.view(1, outputs, 1)); // [batch, outputs, pixels]
        return y.view(batch, outputs, height, width); // [batch, outputs, height, width]
    }
}
