using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers.Weights;

/// <summary>A weight of 8-bit integers with a scale for each output: a quarter of the bytes.</summary>
internal sealed class Int8Weight : QuantizedWeight
{
    private const int Largest = 127;
    private const double SmallestScale = 1e-38;
    private const string ScalesName = DenseWeight.Name + "_scale";

    private Parameter _codes;
    private Parameter _scales;

    /// <summary>A weight whose values are not set.</summary>
    /// <param name="shape">[outputs, inputs].</param>
    public Int8Weight(long[] shape)
        : base(shape)
    {
        (_codes, _scales) = (Frozen(ModuleTensors.Empty(ScalarType.Int8, shape)), Frozen(ModuleTensors.Empty(shape[0])));
    }

    public override string Kind => "int8";

    public override IReadOnlyList<Tensor> Tensors => [_codes, _scales];

    /// <summary>Int8, [outputs, inputs].</summary>
    public Tensor Codes => _codes;

    /// <summary>[outputs].</summary>
    public Tensor Scales => _scales;

    public override void Take(Tensor dense)
    {
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        _scales.copy_(dense.abs().amax([1]).Over(Largest).AtLeast(SmallestScale)); // [outputs]
        _codes.copy_((dense / _scales.unsqueeze(1)).round());
    }

    public override void Write(Tensor floats) => floats.copy_(_codes).mul_(_scales.unsqueeze(1));

    public override void Register(nn.Module layer)
    {
        layer.register_parameter(DenseWeight.Name, _codes);
        layer.register_parameter(ScalesName, _scales);
    }

    public override void Rebind(nn.Module layer) =>
        (_codes, _scales) = (layer.get_parameter(DenseWeight.Name)!, layer.get_parameter(ScalesName)!);
}
