using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>The kernels of a network's layers, over its own parameters: what is learned later is seen.</summary>
internal sealed unsafe class DecoderKernels : IDisposable
{
    private readonly PlainLayers _layers;
    private readonly List<torch.Tensor> _held = [];

    /// <exception cref="NotSupportedException">
    /// A layer has an adapter, or a weight in a form that kernels do not know; the message names it.
    /// </exception>
    /// <exception cref="ArgumentException">Parameters are not contiguous floats in the CPU's memory.</exception>
    public DecoderKernels(DecoderStack network)
    {
        _layers = LayersOf(network);
        _layers.Check();
        try
        {
            Tokens = Find(_layers.NameOf(network.Tokens) + ".weight", network.Tokens.Weight);
            if (network.Positions is { } positions)
                Positions = Find("positions", positions);
            Blocks = [.. network.Blocks.Select(block => new TransformerBlockKernels(
                KernelOf(block.AttentionNorm),
                KernelOf(block.QueriesKeysValues),
                KernelOf(block.AttentionOut),
                KernelOf(block.FeedForwardNorm),
                KernelOf(block.FeedForwardIn),
                KernelOf(block.FeedForwardOut)))];
            Normalization = KernelOf(network.Norm);
            Head = KernelOf(network.Head);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>[vocabulary, width].</summary>
    public float* Tokens { get; }

    /// <summary>[context, width], or null.</summary>
    public float* Positions { get; }

    public TransformerBlockKernels[] Blocks { get; }

    public NormalizationKernel Normalization { get; }

    public LinearKernel Head { get; }

    /// <summary>Whether the kernels know all layers of a network, and its parameters are where they can read them.</summary>
    public static bool CanRead(DecoderStack network) => LayersOf(network).FindObstacle() is null && network.parameters().All(CanRead);

    public void Dispose()
    {
        foreach (torch.Tensor tensor in _held)
            tensor.Dispose();
        _held.Clear();
    }

    private static PlainLayers LayersOf(DecoderStack network) => new(network, "the decoding kernels read");

    private static bool CanRead(torch.Tensor tensor) =>
        tensor.device_type == DeviceType.CPU && tensor.dtype == torch.ScalarType.Float32 && tensor.is_contiguous();

    private LinearKernel KernelOf(Linear layer)
    {
        string name = _layers.NameOf(layer);
        float* weight = Find(name + ".weight", _layers.WeightOf(layer));
        float* bias = layer.Bias is { } values ? Find(name + ".bias", values) : null;
        return new LinearKernel(weight, bias, outputs: (int)layer.Weight.Shape[0], inputs: (int)layer.Weight.Shape[1]);
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

        // A reference of its own keeps the memory, even where the network is disposed first.
        torch.Tensor held = parameter.detach().DetachFromDisposeScope();
        _held.Add(held);
        return (float*)TensorMemory.Start(held);
    }
}

/// <summary>The kernels of a <see cref="TransformerBlock"/>.</summary>
internal readonly record struct TransformerBlockKernels(
    NormalizationKernel AttentionNorm, LinearKernel QueriesKeysValues, LinearKernel AttentionOut,
    NormalizationKernel FeedForwardNorm, LinearKernel FeedForwardIn, LinearKernel FeedForwardOut);
