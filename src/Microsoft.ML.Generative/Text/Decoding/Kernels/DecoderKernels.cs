using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Serialization.Safetensors;
using Microsoft.ML.Generative.Text.LanguageModels;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>The kernels of a network's layers, over its own parameters: what is learned later is seen.</summary>
internal sealed unsafe class DecoderKernels : IDisposable
{
    private readonly Dictionary<string, torch.Tensor> _parameters;
    private readonly List<torch.Tensor> _held = [];

    /// <exception cref="ArgumentException">Parameters are not contiguous floats in the CPU's memory.</exception>
    public DecoderKernels(LanguageModelNetwork network)
    {
        LanguageModelArchitecture a = network.Architecture;
        _parameters = ModuleWeights.Of(network).ToDictionary(p => p.Name, p => p.Tensor, StringComparer.Ordinal);
        int width = a.EmbeddingSize, hidden = a.ActualFeedForwardSize;
        Tokens = Find("tokens.weight", a.VocabularySize, width);
        if (a.Positions == PositionEncoding.Learned)
            Positions = Find("positions", a.ContextLength, width);
        Blocks = [.. Enumerable.Range(0, a.Layers).Select(i => $"blocks.{i}.").Select(block => new DecoderBlockKernels(
            Norm(block + "attentionNorm"),
            Linear(block + "queriesKeysValues", a.QueryKeyValueSize, width, a.HasQueryKeyValueBias),
            Linear(block + "attentionOut", width, a.Heads * a.ActualHeadSize, a.HasBias),
            Norm(block + "perceptronNorm"),
            Linear(block + "perceptronIn", a.FeedForwardInSize, width, a.HasBias),
            Linear(block + "perceptronOut", width, hidden, a.HasBias)))];
        Normalization = Norm("norm");
        Head = Linear(a.TieEmbeddings ? "tokens" : "head", a.VocabularySize, width, hasBias: false);

        LinearKernel Linear(string name, int outputs, int inputs, bool hasBias) =>
            new(Find(name + ".weight", outputs, inputs), hasBias ? Find(name + ".bias", outputs) : null, outputs, inputs);

        NormalizationKernel Norm(string name) => new(
            Find(name + ".weight", width), a.HasNormBias ? Find(name + ".bias", width) : null, width,
            a.Normalization == NormalizationKind.LayerNorm, a.NormEpsilon);
    }

    /// <summary>[vocabulary, width].</summary>
    public float* Tokens { get; }

    /// <summary>[context, width], or null.</summary>
    public float* Positions { get; }

    public DecoderBlockKernels[] Blocks { get; }

    public NormalizationKernel Normalization { get; }

    public LinearKernel Head { get; }

    /// <summary>Whether a network's parameters are where the kernels can read them.</summary>
    public static bool CanRead(LanguageModelNetwork network) => ModuleWeights.Of(network).All(p => CanRead(p.Tensor));

    public void Dispose()
    {
        foreach (torch.Tensor tensor in _held)
            tensor.Dispose();
        _held.Clear();
    }

    private static bool CanRead(torch.Tensor tensor) =>
        tensor.device_type == DeviceType.CPU && tensor.dtype == torch.ScalarType.Float32 && tensor.is_contiguous();

    private float* Find(string name, params long[] shape)
    {
        torch.Tensor parameter = _parameters[name];
        if (!CanRead(parameter) || !parameter.shape.AsSpan().SequenceEqual(shape))
        {
            Dispose();
            throw new ArgumentException(
                $"'{name}' is {SafetensorsTypes.Describe(parameter.dtype, parameter.shape)} on {parameter.device}; expected contiguous {SafetensorsTypes.Describe(torch.ScalarType.Float32, shape)} on the CPU.");
        }

        // A reference of its own keeps the memory, even where the network is disposed first.
        torch.Tensor held = parameter.detach().DetachFromDisposeScope();
        _held.Add(held);
        return (float*)TensorMemory.Start(held);
    }
}

/// <summary>The kernels of a <see cref="DecoderBlock"/>.</summary>
internal readonly record struct DecoderBlockKernels(
    NormalizationKernel AttentionNorm, LinearKernel QueriesKeysValues, LinearKernel AttentionOut,
    NormalizationKernel PerceptronNorm, LinearKernel PerceptronIn, LinearKernel PerceptronOut);
