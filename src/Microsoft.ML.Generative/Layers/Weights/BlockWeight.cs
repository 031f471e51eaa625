using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers.Weights;

/// <summary>A weight in blocks of ggml, as a file has them: of formats that are read only.</summary>
internal sealed unsafe class BlockWeight : QuantizedWeight, IBlockRows
{
    private readonly string _name;
    private Parameter _blocks;

    /// <summary>A weight whose values are not set.</summary>
    /// <param name="shape">[outputs, inputs].</param>
    /// <param name="format">The format; inputs fill its blocks.</param>
    /// <param name="name">The name of the tensor in the layer.</param>
    public BlockWeight(long[] shape, BlockFormat format, string name = DenseWeight.Name)
        : base(shape)
    {
        if (shape[1] % format.BlockSize != 0)
        {
            throw new ArgumentException(
                $"A weight of {shape[1]} inputs does not fill the blocks of {format.BlockSize} of {format.Name}.", nameof(shape));
        }

        (Format, _name) = (format, name);
        _blocks = Frozen(ModuleTensors.Empty(ScalarType.Byte, shape[0], format.BytesOf(shape[1])));
    }

    public BlockFormat Format { get; }

    public override string Kind => Format.Name;

    public override IReadOnlyList<Tensor> Tensors => [_blocks];

    public override void Take(Tensor dense) => throw new NotSupportedException($"{Kind} can be read, not written.");

    public void TakeRows(ReadBlocks read) => RowBytes.Take(_blocks, read);

    public void GiveRows(long start, long count, WriteBlocks write) => RowBytes.Give(_blocks, start, count, write);

    public override void Write(Tensor floats) => Write(_blocks, floats);

    public override Tensor Rows(Tensor outputs)
    {
        Tensor floats = empty(outputs.size(0), Shape[1], device: outputs.device);
        Write(_blocks.index_select(0, outputs), floats);
        return floats;
    }

    public override void Register(nn.Module layer) => layer.register_parameter(_name, _blocks);

    public override void Rebind(nn.Module layer) => _blocks = layer.get_parameter(_name)!;

    // [outputs, bytes] → [outputs, inputs].
    private void Write(Tensor rows, Tensor floats)
    {
        if (rows.size(0) == 0)
            return;
        using DisposeScope scope = NewDisposeScope();
        Tensor blocks = rows.cpu().contiguous();
        Tensor values = floats.device_type == DeviceType.CPU ? floats : empty(floats.shape);
        byte* from = TensorMemory.Start(blocks);
        var to = (float*)TensorMemory.Start(values);
        (int rowBytes, int inputs) = (checked((int)rows.size(1)), checked((int)Shape[1]));
        for (long row = 0; row < rows.size(0); row++)
            Format.Dequantize(new ReadOnlySpan<byte>(from + row * rowBytes, rowBytes), new Span<float>(to + row * inputs, inputs));
        GC.KeepAlive(blocks);
        if (!ReferenceEquals(values, floats))
            floats.copy_(values);
    }
}
