using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.LanguageModels;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>The smallest networks that have each part of an architecture.</summary>
internal static class TinyLanguageModels
{
    private static readonly LanguageModelArchitecture _gpt = new()
    {
        VocabularySize = 11,
        ContextLength = 12,
        Layers = 2,
        Heads = 4,
        EmbeddingSize = 16,
    };

    private static readonly LanguageModelArchitecture _llama = LanguageModelArchitecture.LlamaNano with
    {
        VocabularySize = 11,
        ContextLength = 12,
        Layers = 2,
        Heads = 4,
        EmbeddingSize = 16,
        FeedForwardSize = 24,
    };

    public static TheoryData<string> Names => [.. All.Keys];

    public static IReadOnlyDictionary<string, LanguageModelArchitecture> All { get; } = new Dictionary<string, LanguageModelArchitecture>
    {
        ["gpt, exact gelu"] = _gpt,
        ["gpt, tanh gelu"] = _gpt with { FeedForward = FeedForwardKind.GeluTanh },
        ["gpt, relu"] = _gpt with { FeedForward = FeedForwardKind.Relu },
        ["gpt, gated exact gelu"] = _gpt with { FeedForward = FeedForwardKind.GeGlu, FeedForwardSize = 20 },
        ["gpt, gated tanh gelu"] = _gpt with { FeedForward = FeedForwardKind.GeGluTanh, FeedForwardSize = 20 },
        ["gpt without biases, untied"] = _gpt with { HasBias = false, HasQueryKeyValueBias = false, TieEmbeddings = false },
        ["gpt with a window and grouped keys"] = _gpt with { SlidingWindow = 3, KeyValueHeads = 2 },
        ["llama"] = _llama,
        ["llama, pairs side by side, grouped keys"] = _llama with { Positions = PositionEncoding.RotaryInterleaved, KeyValueHeads = 1 },
        ["llama, biases of queries, large heads, untied"] = _llama with
        {
            HasQueryKeyValueBias = true,
            HeadSize = 6,
            KeyValueHeads = 2,
            TieEmbeddings = false,
        },
        ["llama, stretched linearly, with a window"] = _llama with
        {
            RotaryScaling = new RotaryScaling(RotaryScalingKind.Linear, 4),
            SlidingWindow = 4,
        },
        ["llama 3.1's stretching"] = _llama with
        {
            RotaryBase = 50,
            RotaryScaling = new RotaryScaling(RotaryScalingKind.Llama3, 8, 1, 4, OriginalContextLength: 40),
        },
    };

    public static int[] Tokens { get; } = [3, 1, 4, 1, 5, 9, 2, 6, 10, 0];

    /// <inheritdoc cref="RandomNetworks.Create"/>
    public static LanguageModelNetwork Create(LanguageModelArchitecture architecture, double dropout = 0) =>
        RandomNetworks.Create(() => new LanguageModelNetwork(architecture, dropout));
}
