using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Kernels;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers.Weights;

/// <summary>
/// A weight in the blocks of ggml's Q8_0 or Q4_0, in another order: as decoding kernels read it. Sixteen outputs are together; of each
/// block of 32 inputs there are four bytes of one output, four of the next, and so on. Scales are apart. Outputs and inputs that do not
/// fill sixteen, or a block, are filled up with zeros.
/// </summary>
internal sealed unsafe class PackedBlockWeight : QuantizedWeight, IBlockRows
{
    /// <summary>Inputs of a block.</summary>
    public const int BlockSize = 32;

    /// <summary>Outputs that are together.</summary>
    public const int Together = 16;

    private const int Step = 4;
    private const int ScaleBytes = 2;
    private const string ScalesEnding = "_scale";

    private readonly string _name;
    private readonly long _groups;
    private readonly long _blocks;
    private Parameter _codes;
    private Parameter _scales;

    /// <summary>A weight whose values are not set.</summary>
    /// <param name="shape">[outputs, inputs].</param>
    /// <param name="isFourBits">Whether the blocks are those of Q4_0.</param>
    /// <param name="name">The name of the codes in the layer.</param>
    public PackedBlockWeight(long[] shape, bool isFourBits, string name = DenseWeight.Name)
        : base(shape)
    {
        (IsFourBits, _name) = (isFourBits, name);
        (_groups, _blocks) = ((shape[0] + Together - 1) / Together, (shape[1] + BlockSize - 1) / BlockSize);
        _codes = Frozen(ModuleTensors.Empty(ScalarType.Byte, _groups, _blocks, CodeBytes / Step, Together, Step));
        _scales = Frozen(ModuleTensors.Empty(ScalarType.Float16, _groups, _blocks, Together));
    }

    public bool IsFourBits { get; }

    public BlockFormat Format => IsFourBits ? BlockFormat.Q4_0 : BlockFormat.Q8_0;

    public override string Kind => Format.Name;

    public override IReadOnlyList<Tensor> Tensors => [_codes, _scales];

    /// <summary>[groups of outputs, blocks, four bytes of each output, outputs of the group, bytes].</summary>
    public Tensor Codes => _codes;

    /// <summary>Float16, [groups of outputs, blocks, outputs of the group].</summary>
    public Tensor Scales => _scales;

    private int CodeBytes => Format.BlockBytes - ScaleBytes;

    public override void Take(Tensor dense)
    {
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Tensor values = dense.detach().to(ScalarType.Float32).cpu().contiguous();
        int inputs = checked((int)Shape[1]);
        float* all = (float*)TensorMemory.Start(values);
        float[] row = new float[_blocks * BlockSize];
        TakeRows((output, blocks) =>
        {
            new ReadOnlySpan<float>(all + output * inputs, inputs).CopyTo(row);
            Format.Quantize(row, blocks);
        });
        GC.KeepAlive(values);
    }

    public void TakeRows(ReadBlocks read)
    {
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Tensor codes = _codes.cpu().zero_(), scales = _scales.cpu().zero_();
        byte* allCodes = TensorMemory.Start(codes);
        var allScales = (Half*)TensorMemory.Start(scales);
        byte[] blocks = new byte[_blocks * Format.BlockBytes];
        for (long output = 0; output < Shape[0]; output++)
        {
            read(output, blocks);
            for (int b = 0; b < _blocks; b++)
            {
                ReadOnlySpan<byte> block = blocks.AsSpan(b * Format.BlockBytes, Format.BlockBytes);
                Half scale = System.Runtime.InteropServices.MemoryMarshal.Read<Half>(block);
                if (!Half.IsFinite(scale))
                    throw new InvalidDataException($"The scale of a block of {Kind} is {scale}; expected a finite number.");
                allScales[(output / Together * _blocks + b) * Together + output % Together] = scale;
                for (int i = 0; i < CodeBytes; i += Step)
                    block.Slice(ScaleBytes + i, Step).CopyTo(new Span<byte>(allCodes + PlaceOf(output, b, i), Step));
            }
        }

        if (_codes.device_type != DeviceType.CPU)
        {
            _codes.copy_(codes);
            _scales.copy_(scales);
        }
    }

    public void GiveRows(long start, long count, WriteBlocks write)
    {
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Tensor codes = _codes.cpu(), scales = _scales.cpu();
        byte* allCodes = TensorMemory.Start(codes);
        var allScales = (Half*)TensorMemory.Start(scales);
        byte[] blocks = new byte[_blocks * Format.BlockBytes];
        for (long output = start; output < start + count; output++)
        {
            for (int b = 0; b < _blocks; b++)
            {
                Span<byte> block = blocks.AsSpan(b * Format.BlockBytes, Format.BlockBytes);
                System.Runtime.InteropServices.MemoryMarshal.Write(
                    block, in allScales[(output / Together * _blocks + b) * Together + output % Together]);
                for (int i = 0; i < CodeBytes; i += Step)
                    new ReadOnlySpan<byte>(allCodes + PlaceOf(output, b, i), Step).CopyTo(block[(ScaleBytes + i)..]);
            }

            write(output, blocks);
        }
    }

    public override void Write(Tensor floats)
    {
        if (floats.device_type != DeviceType.CPU)
        {
            Tensor codes = _codes.permute(0, 3, 1, 2, 4).reshape(_groups * Together, _blocks, CodeBytes); // [outputs, blocks, bytes]
            Tensor scales = _scales.permute(0, 2, 1).reshape(_groups * Together, _blocks); // [outputs, blocks]
            floats.copy_(Values(codes, scales).narrow(0, 0, Shape[0]));
            return;
        }

        var work = new Work
        {
            Codes = TensorMemory.Start(_codes),
            Scales = (Half*)TensorMemory.Start(_scales),
            Values = (float*)TensorMemory.Start(floats),
            Blocks = _blocks,
            Inputs = Shape[1],
            CodeBytes = CodeBytes,
            IsFourBits = IsFourBits,
        };
        ThreadTeam.Run(Shape[0], checked((int)Shape[1]), &work, &Read);
        GC.KeepAlive(this);
    }

    public override Tensor Rows(Tensor outputs)
    {
        Tensor group = outputs.div(TensorFactory.Constant([], Together, outputs.device), RoundingMode.floor);
        Tensor within = outputs.Remainder(Together);
        Tensor codes = _codes.permute(0, 3, 1, 2, 4).index(group, within).flatten(2); // [outputs, blocks, bytes]
        return Values(codes, _scales.permute(0, 2, 1).index(group, within)); // [outputs, inputs]
    }

    public override void Register(nn.Module layer)
    {
        layer.register_parameter(_name, _codes);
        layer.register_parameter(_name + ScalesEnding, _scales);
    }

    public override void Rebind(nn.Module layer) =>
        (_codes, _scales) = (layer.get_parameter(_name)!, layer.get_parameter(_name + ScalesEnding)!);

    private long PlaceOf(long output, int block, int i) =>
        ((output / Together * _blocks + block) * (CodeBytes / Step) + i / Step) * Together * Step + output % Together * Step;

    // [outputs, blocks, bytes] and [outputs, blocks] → [outputs, inputs].
    private Tensor Values(Tensor codes, Tensor scales)
    {
        Tensor values = IsFourBits
            ? _halves.On(codes.device).index_select(0, codes.flatten().to(ScalarType.Int32)).view(-1, _blocks, CodeBytes, 2)
                .transpose(2, 3).flatten(2) // [outputs, blocks, block size]
            : codes.to(ScalarType.Int8).to(ScalarType.Float32);
        return (values * scales.to(ScalarType.Float32).unsqueeze(-1)).flatten(1).narrow(1, 0, Shape[1]);
    }

    // What the halves of each byte stand for, [256, 2].
    private static readonly DeviceConstant _halves = new(device => tensor(
        Enumerable.Range(0, 256).SelectMany(code => (float[])[(code & 15) - 8, (code >> 4) - 8]).ToArray(), [256, 2], device: device));

    // The items are outputs.
    private static void Read(void* state, long start, long end)
    {
        var work = (Work*)state;
        for (long output = start; output < end; output++)
        {
            float* row = work->Values + output * work->Inputs;
            for (long block = 0; block < work->Blocks; block++)
            {
                long place = output / Together * work->Blocks + block, first = block * BlockSize;
                float scale = (float)work->Scales[place * Together + output % Together];
                byte* codes = work->Codes + place * work->CodeBytes * Together + output % Together * Step;
                float* values = row + first;
                long count = Math.Min(BlockSize, work->Inputs - first);
                for (int i = 0; i < work->CodeBytes; i++)
                {
                    int code = codes[i / Step * Together * Step + i % Step];
                    if (!work->IsFourBits)
                    {
                        Put(i, (sbyte)code);
                        continue;
                    }

                    Put(i, (code & 15) - 8);
                    Put(i + BlockSize / 2, (code >> 4) - 8);
                }

                void Put(int i, int number)
                {
                    if (i < count)
                        values[i] = number * scale;
                }
            }
        }
    }

    private struct Work
    {
        public byte* Codes;
        public Half* Scales;
        public float* Values;
        public long Blocks;
        public long Inputs;
        public int CodeBytes;
        public bool IsFourBits;
    }
}
