using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// A 3×3 convolution of an image enlarged twice by nearest neighbors, [batch, inputs, height, width] → [batch, outputs, 2 height, 2
/// width], without enlarging it: by <see cref="TiledConvolution"/>, or a transposed convolution whose 4×4 kernel is the 3×3 one spread over
/// 2×2 pixels, less than half of the multiplications.
/// </summary>
internal sealed class UpsamplingConv2d : WeightedLayer
{
    private static readonly long[] _strides = [2, 2];
    private static readonly long[] _padding = [1, 1];

    public UpsamplingConv2d(long inputs, long outputs)
        : base(nameof(Conv2d), [outputs, inputs, 3, 3], outputs, hasBias: true)
    {
    }

    public override Tensor Map(Tensor input, Tensor matrix) => Convolve(input, matrix, null);

    protected override Tensor Compute(Tensor input) => Convolve(input, Weight.Dense(), CastBias());

    private static Tensor Convolve(Tensor input, Tensor matrix, Tensor? bias)
    {
        Tensor x = MixedPrecision.Cast(input), weight = MixedPrecision.Cast(matrix);
        if (TiledConvolution.CanUse(x, weight, isEnlarged: true))
            return TiledConvolution.Apply(x, weight, bias, isEnlarged: true);
        Tensor kernel = Spread(weight);
        if (bias is null || !MixedPrecision.IsBFloat16OnCpu(x))
            return F.conv_transpose2d(x, kernel, bias, _strides, _padding);
        // oneDNN adds up the bias's gradient value by value in BFloat16, which takes longer than the weight's.
        return F.conv_transpose2d(x, kernel, null, _strides, _padding).Plus(bias.view(1, -1, 1, 1));
    }

    // [outputs, inputs, 3, 3] → [inputs, outputs, 4, 4]; a transposed convolution reads its kernel backwards.
    private static Tensor Spread(Tensor weight)
    {
        Tensor kernel = weight.transpose(0, 1).flip(2, 3); // [inputs, outputs, 3, 3]
        return F.pad(kernel, [0L, 1, 0, 1]).Plus(F.pad(kernel, [1L, 0, 0, 1]))
            .Plus(F.pad(kernel, [0L, 1, 1, 0])).Plus(F.pad(kernel, [1L, 0, 1, 0])); // [inputs, outputs, 4, 4]
    }
}
