using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Layers.Weights;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;
using Linear = Microsoft.ML.Generative.Layers.Linear;

namespace Microsoft.ML.Generative.Tests;

/// <summary>A weight of 8-bit integers with a scale for each output.</summary>
internal sealed class TestInt8Weight : Weight
{
    private Tensor _codes;
    private Tensor _scale;

    private TestInt8Weight(Tensor codes, Tensor scale)
        : base(codes.shape)
    {
        (_codes, _scale) = (codes, scale);
    }

    public override string Kind => "int8";

    public static TestInt8Weight Of(Tensor dense)
    {
        using IDisposable noGradient = no_grad();
        Tensor scale = dense.abs().amax([1], keepdim: true) / 127;
        return new TestInt8Weight((dense / scale).round().to(ScalarType.Int8), scale);
    }

    public override Tensor Dense() => _codes.to(ScalarType.Float32) * _scale;

    public override Tensor Multiply(Tensor input, Tensor? bias)
    {
        Tensor output = F.linear(
            MixedPrecision.Cast(input), MixedPrecision.Cast(_codes.to(ScalarType.Float32))) * MixedPrecision.Cast(_scale.squeeze(1));
        return bias is null ? output : output + MixedPrecision.Cast(bias);
    }

    public override void Register(nn.Module layer)
    {
        layer.register_buffer("weight", _codes);
        layer.register_buffer("weight_scale", _scale);
    }

    public override void Rebind(nn.Module layer) => (_codes, _scale) = (layer.get_buffer("weight")!, layer.get_buffer("weight_scale")!);
}

/// <summary>Adds up · down · input.</summary>
internal sealed class TestAdapter : Adapter
{
    private readonly Linear down;
    private readonly Parameter up;

    public TestAdapter(long inputs, long outputs, int rank = 2)
        : base(nameof(TestAdapter))
    {
        down = new Linear(inputs, rank, hasBias: false);
        up = nn.Parameter(randn(outputs, rank));
        RegisterComponents();
    }

    public override Tensor Apply(Tensor input, Tensor output, AdaptedRows rows) =>
        output + F.linear(down.call(input), MixedPrecision.Cast(up));

    public override Tensor Merge(Tensor weight) => weight + up.mm(down.Weight.Dense());

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            up.Dispose();
        base.Dispose(disposing);
    }
}
