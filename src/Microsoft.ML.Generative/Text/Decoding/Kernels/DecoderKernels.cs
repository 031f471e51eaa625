using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Layers.Kernels;
using Microsoft.ML.Generative.Layers.Weights;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>The kernels of a network's layers, over its own parameters: what is learned later is seen.</summary>
internal sealed unsafe class DecoderKernels : IDisposable
{
    private readonly PlainLayers _layers;
    private readonly List<torch.Tensor> _held = [];
    private readonly List<FloatBuffer> _buffers = [];

    /// <exception cref="NotSupportedException">
    /// A layer has an adapter, or a weight in a form, that kernels do not know; the message names it.
    /// </exception>
    /// <exception cref="ArgumentException">Parameters are not contiguous floats in the CPU's memory.</exception>
    public DecoderKernels(DecoderStack network)
    {
        _layers = LayersOf(network);
        _layers.Check();
        try
        {
            Tokens = KernelOf(network.Tokens.Table, _layers.NameOf(network.Tokens), null);
            if (network.Positions is { } positions)
                Positions = Find("positions", positions);
            Blocks = [.. network.Blocks.Select(block => new TransformerBlockKernels(
                KernelOf(block.AttentionNorm),
                LayerOf(block.QueriesKeysValues),
                LayerOf(block.AttentionOut),
                block.Cross is { } cross
                    ? new CrossAttentionKernels(
                        KernelOf(cross.Norm), LayerOf(cross.Queries), LayerOf(cross.KeysValues), LayerOf(cross.Output))
                    : null,
                KernelOf(block.FeedForwardNorm),
                LayerOf(block.FeedForwardIn),
                LayerOf(block.FeedForwardOut)))];
            Normalization = KernelOf(network.Norm);
            Head = LayerOf(network.Head);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The token embedding: a row for each token.</summary>
    public WeightKernel Tokens { get; }

    /// <summary>[context, width], or null.</summary>
    public float* Positions { get; }

    public TransformerBlockKernels[] Blocks { get; }

    public NormalizationKernel Normalization { get; }

    public LayerKernel Head { get; }

    /// <summary>The largest rank of an adapter; 0: there is none.</summary>
    public int MaxRank { get; private set; }

    /// <summary>The outputs of the largest layer whose outputs an adapter rescales.</summary>
    public int MaxRescaled { get; private set; }

    /// <summary>The largest input that is quantized; 0: none is.</summary>
    public int MaxQuantizedInputs { get; private set; }

    /// <summary>Floats that a thread needs to compute.</summary>
    public int FreeFloats { get; private set; }

    /// <summary>Whether the kernels know all layers of a network, and its parameters are where they can read them.</summary>
    public static bool CanRead(DecoderStack network)
    {
        if (LayersOf(network).FindObstacle() is not null || !IsKnown(network.Tokens.Table))
            return false;
        HashSet<nint> quantized = [.. network.Quantizable.Select(q => q.Weight).OfType<QuantizedWeight>()
            .SelectMany(weight => weight.Tensors).Select(tensor => tensor.Handle)];
        return network.parameters().All(p => quantized.Contains(p.Handle) ? IsHere(p) : CanRead(p));
    }

    public void Dispose()
    {
        foreach (torch.Tensor tensor in _held)
            tensor.Dispose();
        foreach (FloatBuffer buffer in _buffers)
            buffer.Dispose();
        _held.Clear();
        _buffers.Clear();
    }

    private static PlainLayers LayersOf(DecoderStack network) =>
        new(network, "the decoding kernels read", adapter => adapter is LoraAdapter { HasInitial: false }, IsKnown);

    private static bool IsKnown(Weight weight) => weight switch
    {
        PartedWeight parted => parted.Parts.All(IsKnown),
        _ => weight.Plain is not null || weight is BFloat16Weight or Int8Weight or Nf4Weight or PackedBlockWeight or BlockWeight,
    };

    private static bool IsHere(torch.Tensor tensor) => tensor.device_type == DeviceType.CPU && tensor.is_contiguous();

    private static bool CanRead(torch.Tensor tensor) => IsHere(tensor) && tensor.dtype == torch.ScalarType.Float32;

    private LayerKernel LayerOf(Linear layer)
    {
        string name = _layers.NameOf(layer);
        float* bias = layer.Bias is { } values ? Find(name + ".bias", values) : null;
        WeightKernel weight = KernelOf(layer.Weight.Stored, name, bias);
        if (weight.QuantizesInput)
            MaxQuantizedInputs = Math.Max(MaxQuantizedInputs, weight.Inputs);
        FreeFloats = Math.Max(FreeFloats, weight.FreeFloats);
        var kernel = new LayerKernel(weight, [.. layer.Adapters.Select(a => KernelOf(layer, (LoraAdapter)a.Adapter, a.Part))]);
        foreach (LoraKernel adapter in kernel.Adapters)
            MaxRank = Math.Max(MaxRank, adapter.Rank);
        if (kernel.Rescales)
            MaxRescaled = Math.Max(MaxRescaled, weight.Outputs);
        return kernel;
    }

    // A is read where it is; B, which is small, in another order, and with the scale in it.
    private LoraKernel KernelOf(Linear layer, LoraAdapter adapter, LayerPart? part)
    {
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        string name = _layers.NameOf(layer);
        int outputs = (int)adapter.B.size(0), start = part?.Start ?? 0;
        var rows = new AdaptedRows(layer, part);
        float* bias = layer.Bias is { } values ? Find(name + ".bias", values) + start : null;
        return new LoraKernel(
            new LinearKernel<float>(Find(name + ".adapter.a", adapter.A), null, outputs: adapter.Rank, inputs: (int)adapter.A.size(1)),
            Copy(adapter.B.t().Times(adapter.Scale)), // [rank, outputs]
            adapter.Magnitude is null ? null : Copy(adapter.Factor(rows.Weight())), // [outputs]
            bias, start, outputs);
    }

    private float* Copy(torch.Tensor values)
    {
        var buffer = new FloatBuffer(values.numel());
        _buffers.Add(buffer);
        TensorMemory.ToArray<float>(values.contiguous()).CopyTo(new Span<float>(buffer.Start, checked((int)values.numel())));
        return buffer.Start;
    }

    private WeightKernel KernelOf(Weight weight, string name, float* bias)
    {
        (int outputs, int inputs) = (checked((int)weight.Shape[0]), checked((int)weight.Shape[1]));
        IntegerPath path = IntegerPaths.Best;
        name += "." + DenseWeight.Name;
        return weight switch
        {
            BFloat16Weight w => new FloatKernel<ushort>((ushort*)Find(name, w, 0), bias, outputs, inputs),
            Int8Weight w => new Int8Kernel((sbyte*)Find(name, w, 0), (float*)Find(name, w, 1), bias, outputs, inputs, path),
            PackedBlockWeight w => new BlockKernel(
                Find(name, w, 0), (Half*)Find(name, w, 1), w.IsFourBits, bias, outputs, inputs, path),
            BlockWeight w => new BlockRowsKernel(Find(name, w, 0), w.Format, bias, outputs, inputs),
            PartedWeight w => PartsOf(w, name, bias),
            Nf4Weight w => new Nf4Kernel(
                new Nf4Reader(Find(name, w, 0), (sbyte*)Find(name, w, 1), (float*)Find(name, w, 2), *(float*)Find(name, w, 3)),
                bias, outputs, inputs),
            _ => new FloatKernel<float>(Find(name, weight.Plain!), bias, outputs, inputs),
        };
    }

    private PartedKernel PartsOf(PartedWeight weight, string name, float* bias)
    {
        var parts = new WeightKernel[weight.Parts.Count];
        for (int i = 0; i < parts.Length; i++)
        {
            parts[i] = KernelOf(weight.Parts[i], name, bias);
            bias = bias is null ? null : bias + parts[i].Outputs;
        }

        return new PartedKernel(parts);
    }

    private NormalizationKernel KernelOf(Normalization layer)
    {
        string name = _layers.NameOf(layer);
        float* bias = layer.Bias is { } values ? Find(name + ".bias", values) : null;
        return new NormalizationKernel(
            Find(name + ".weight", layer.Gain), bias, (int)layer.Gain.numel(), layer.Kind == NormalizationKind.LayerNorm, layer.Epsilon);
    }

    private float* Find(string name, torch.Tensor parameter)
    {
        if (!CanRead(parameter))
        {
            throw new ArgumentException(
                $"'{name}' is {SafetensorsTypes.Describe(parameter.dtype, parameter.shape)} on {parameter.device}; "
                + $"expected contiguous {SafetensorsTypes.Describe(torch.ScalarType.Float32, parameter.shape)} on the CPU.");
        }

        return (float*)Hold(parameter);
    }

    // A tensor of a quantized weight.
    private byte* Find(string name, QuantizedWeight weight, int tensor)
    {
        torch.Tensor parameter = weight.Tensors[tensor];
        return IsHere(parameter)
            ? Hold(parameter)
            : throw new ArgumentException($"'{name}' is on {parameter.device}; expected contiguous elements on the CPU.");
    }

    // A reference of its own keeps the memory, even where the network is disposed first.
    private byte* Hold(torch.Tensor parameter)
    {
        torch.Tensor held = parameter.detach().DetachFromDisposeScope();
        _held.Add(held);
        return TensorMemory.Start(held);
    }
}

/// <summary>The kernels of a <see cref="TransformerBlock"/>.</summary>
internal readonly record struct TransformerBlockKernels(
    NormalizationKernel AttentionNorm, LayerKernel QueriesKeysValues, LayerKernel AttentionOut, CrossAttentionKernels? Cross,
    NormalizationKernel FeedForwardNorm, LayerKernel FeedForwardIn, LayerKernel FeedForwardOut);

/// <summary>The kernels of a <see cref="CrossAttention"/>.</summary>
internal sealed record CrossAttentionKernels(
    NormalizationKernel Norm, LayerKernel Queries, LayerKernel KeysValues, LayerKernel Output);
