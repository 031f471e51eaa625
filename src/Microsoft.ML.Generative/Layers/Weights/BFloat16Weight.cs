using Microsoft.ML.Generative.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers.Weights;

/// <summary>A weight of the high halves of floats (bfloat16): half of the bytes.</summary>
internal sealed class BFloat16Weight : QuantizedWeight, IBlockRows
{
    private readonly string _name;
    private Parameter _values;

    /// <summary>A weight whose values are not set.</summary>
    /// <param name="shape">[outputs, inputs].</param>
    /// <param name="name">The name of the tensor in the layer.</param>
    public BFloat16Weight(long[] shape, string name = DenseWeight.Name)
        : base(shape)
    {
        (_name, _values) = (name, Frozen(ModuleTensors.Empty(ScalarType.BFloat16, shape)));
    }

    public BlockFormat Format => BlockFormat.BF16;

    public override string Kind => "bfloat16";

    public override IReadOnlyList<Tensor> Tensors => [_values];

    public override void Take(Tensor dense)
    {
        using IDisposable noGradient = no_grad();
        _values.copy_(dense);
    }

    public void TakeRows(ReadBlocks read) => RowBytes.Take(_values, read);

    public void GiveRows(long start, long count, WriteBlocks write) => RowBytes.Give(_values, start, count, write);

    public override void Write(Tensor floats) => floats.copy_(_values);

    public override Tensor Rows(Tensor outputs) => _values.index_select(0, outputs).to(ScalarType.Float32);

    public override void Register(nn.Module layer) => layer.register_parameter(_name, _values);

    public override void Rebind(nn.Module layer) => _values = layer.get_parameter(_name)!;
}
