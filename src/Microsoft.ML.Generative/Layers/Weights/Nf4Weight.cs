using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Kernels;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers.Weights;

/// <summary>
/// A weight of <see cref="Nf4"/> numbers in blocks of 64, whose scales are 8-bit integers in blocks of 256 around their mean
/// (double quantization; Dettmers et al. 2023): 4.1 bits an element.
/// </summary>
internal sealed class Nf4Weight : QuantizedWeight
{
    /// <summary>Numbers of a block.</summary>
    public const int BlockSize = 64;

    /// <summary>Scales of a block of scales.</summary>
    public const int ScalesInBlock = 256;

    private const int Largest = 127;
    private const double SmallestScale = 1e-38;
    private const string ScalesName = DenseWeight.Name + "_scale";
    private const string ScaleScalesName = ScalesName + "_scale";
    private const string MeanName = ScalesName + "_mean";

    private readonly long _count;
    private Parameter _codes;
    private Parameter _scales;
    private Parameter _scaleScales;
    private Parameter _mean;

    /// <summary>A weight whose values are not set.</summary>
    /// <param name="shape">[outputs, inputs].</param>
    public Nf4Weight(long[] shape)
        : base(shape)
    {
        _count = shape.Aggregate(1L, (product, size) => checked(product * size));
        long blocks = Nf4.BlocksOf(_count, BlockSize);
        _codes = Frozen(ModuleTensors.Empty(ScalarType.Byte, Nf4.BytesOf(_count)));
        _scales = Frozen(ModuleTensors.Empty(ScalarType.Int8, blocks));
        _scaleScales = Frozen(ModuleTensors.Empty(Nf4.BlocksOf(blocks, ScalesInBlock)));
        _mean = Frozen(ModuleTensors.Empty(1));
    }

    public override string Kind => "nf4";

    /// <summary>Codes, scales, the scales of the scales, and their mean.</summary>
    public override IReadOnlyList<Tensor> Tensors => [_codes, _scales, _scaleScales, _mean];

    public override void Take(Tensor dense)
    {
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        (Tensor codes, Tensor scales) = Nf4.Quantize(dense, BlockSize);
        _codes.copy_(codes);
        _mean.copy_(scales.mean());
        long count = scales.numel(), blocks = _scaleScales.numel();
        Tensor rows = zeros(blocks * ScalesInBlock, device: dense.device);
        rows.narrow(0, 0, count).copy_(scales - scales.mean());
        rows = rows.view(blocks, ScalesInBlock); // [blocks of scales, scales]
        Tensor scaleScales = rows.abs().amax([1]).Over(Largest).AtLeast(SmallestScale); // [blocks of scales]
        _scaleScales.copy_(scaleScales);
        _scales.copy_((rows / scaleScales.unsqueeze(1)).round().flatten().narrow(0, 0, count));
    }

    public override void Write(Tensor floats)
    {
        if (floats.device_type != DeviceType.CPU)
        {
            floats.copy_(ByTensors());
            return;
        }

        unsafe
        {
            var work = new Work
            {
                Reader = new Nf4Reader(
                    TensorMemory.Start(_codes), (sbyte*)TensorMemory.Start(_scales), (float*)TensorMemory.Start(_scaleScales),
                    *(float*)TensorMemory.Start(_mean)),
                Values = (float*)TensorMemory.Start(floats),
                Count = _count,
            };
            ThreadTeam.Run(Nf4.BlocksOf(_count, BlockSize), BlockSize, &work, &Read);
        }

        GC.KeepAlive(this);
    }

    /// <summary>The floats by operations of tensors, on any device.</summary>
    public Tensor ByTensors()
    {
        Tensor scales = _scaleScales.repeat_interleave(ScalesInBlock).narrow(0, 0, _scales.numel());
        scales = (_scales.to(ScalarType.Float32) * scales).Plus(_mean).AtLeast(0.0); // [blocks]
        return Nf4.Dequantize(_codes, scales, _count, BlockSize).view(Shape);
    }

    public override void Register(nn.Module layer)
    {
        layer.register_parameter(DenseWeight.Name, _codes);
        layer.register_parameter(ScalesName, _scales);
        layer.register_parameter(ScaleScalesName, _scaleScales);
        layer.register_parameter(MeanName, _mean);
    }

    public override void Rebind(nn.Module layer)
    {
        (_codes, _scales) = (layer.get_parameter(DenseWeight.Name)!, layer.get_parameter(ScalesName)!);
        (_scaleScales, _mean) = (layer.get_parameter(ScaleScalesName)!, layer.get_parameter(MeanName)!);
    }

    // The items are blocks.
    private static unsafe void Read(void* state, long start, long end)
    {
        var work = (Work*)state;
        long first = start * BlockSize, last = Math.Min(work->Count, end * BlockSize);
        work->Reader.Read(first, last, work->Values + first);
    }

    private unsafe struct Work
    {
        public Nf4Reader Reader;
        public float* Values;
        public long Count;
    }
}
