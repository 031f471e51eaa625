using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Layers;

namespace Microsoft.ML.Generative;

/// <summary>
/// The shape of a decoder-only transformer (Vaswani et al. 2017; Radford et al. 2019; Touvron et al. 2023), from GPT-2 to the Llama family.
/// </summary>
/// <remarks>
/// Begin with one of the presets and change what differs: <c>LanguageModelArchitecture.Gpt2 with { Layers = 4, Heads = 4, EmbeddingSize =
/// 128 }</c>.
/// </remarks>
public sealed record LanguageModelArchitecture
{
    /// <summary>Tokens that the model knows. 0: as many as the tokenizer of the training has. Default: 0.</summary>
    public int VocabularySize { get; init; }

    /// <summary>Tokens that the model sees at once, at least 1. Default: 256.</summary>
    public int ContextLength { get; init; } = 256;

    /// <summary>Transformer blocks, at least 1. Default: 6.</summary>
    public int Layers { get; init; } = 6;

    /// <summary>Attention heads in a block, at least 1. Default: 6.</summary>
    public int Heads { get; init; } = 6;

    /// <summary>
    /// Heads of keys and values, a divisor of <see cref="Heads"/>: fewer than those is grouped-query attention (Ainslie et al. 2023).
    /// Default: as many as <see cref="Heads"/>.
    /// </summary>
    public int? KeyValueHeads { get; init; }

    /// <summary>Values that a token is described by. Default: 384.</summary>
    public int EmbeddingSize { get; init; } = 384;

    /// <summary>Values of a head. Default: <see cref="EmbeddingSize"/> / <see cref="Heads"/>.</summary>
    public int? HeadSize { get; init; }

    /// <summary>
    /// Values between the two layers of a feed-forward block. Default: 4 × <see cref="EmbeddingSize"/>, for a gated block, such as
    /// <see cref="FeedForwardKind.SwiGlu"/>, two thirds of that, rounded up to a multiple of 32.
    /// </summary>
    public int? FeedForwardSize { get; init; }

    /// <summary>How the order of tokens is known. Default: <see cref="PositionEncoding.Learned"/>.</summary>
    public PositionEncoding Positions { get; init; }

    /// <summary>Base of the rotary frequencies, above 1. Default: 10,000.</summary>
    public double RotaryBase { get; init; } = 10_000;

    /// <summary>How rotary frequencies are stretched. Default: not at all.</summary>
    public RotaryScaling? RotaryScaling { get; init; }

    /// <summary>The normalization. Default: <see cref="NormalizationKind.LayerNorm"/>.</summary>
    public NormalizationKind Normalization { get; init; }

    /// <summary>What is added to the variance or mean square in a normalization, above 0. Default: 1e-5.</summary>
    public double NormEpsilon { get; init; } = 1e-5;

    /// <summary>The feed-forward block. Default: <see cref="FeedForwardKind.Gelu"/>.</summary>
    public FeedForwardKind FeedForward { get; init; }

    /// <summary>Whether queries, keys and values have a bias. Default: true.</summary>
    public bool HasQueryKeyValueBias { get; init; } = true;

    /// <summary>Whether the other layers, and <see cref="NormalizationKind.LayerNorm"/>, have a bias. Default: true.</summary>
    public bool HasBias { get; init; } = true;

    /// <summary>Whether the output layer has the weights of the token embedding (Press, Wolf 2016). Default: true.</summary>
    public bool TieEmbeddings { get; init; } = true;

    /// <summary>Tokens that a position attends to at most, itself included (Beltagy et al. 2020). Default: all before it.</summary>
    public int? SlidingWindow { get; init; }

    /// <summary>A 6-layer model for characters or small vocabularies: 384 wide, context 256, no biases.</summary>
    public static LanguageModelArchitecture GptNano { get; } = new() { HasBias = false, HasQueryKeyValueBias = false };

    /// <summary>GPT-2 small: 124 million parameters (Radford et al. 2019).</summary>
    public static LanguageModelArchitecture Gpt2 { get; } = new()
    {
        VocabularySize = 50_257,
        ContextLength = 1024,
        Layers = 12,
        Heads = 12,
        EmbeddingSize = 768,
        FeedForward = FeedForwardKind.GeluTanh,
    };

    /// <summary>GPT-2 medium: 355 million parameters.</summary>
    public static LanguageModelArchitecture Gpt2Medium { get; } = Gpt2 with { Layers = 24, Heads = 16, EmbeddingSize = 1024 };

    /// <summary>GPT-2 large: 774 million parameters.</summary>
    public static LanguageModelArchitecture Gpt2Large { get; } = Gpt2 with { Layers = 36, Heads = 20, EmbeddingSize = 1280 };

    /// <summary>GPT-2 XL: 1.5 billion parameters.</summary>
    public static LanguageModelArchitecture Gpt2Xl { get; } = Gpt2 with { Layers = 48, Heads = 25, EmbeddingSize = 1600 };

    /// <summary>A small model of the Llama family: 6 layers, 288 wide, context 256.</summary>
    public static LanguageModelArchitecture LlamaNano { get; } = new()
    {
        Heads = 6,
        EmbeddingSize = 288,
        Positions = PositionEncoding.Rotary,
        Normalization = NormalizationKind.RmsNorm,
        FeedForward = FeedForwardKind.SwiGlu,
        HasBias = false,
        HasQueryKeyValueBias = false,
    };

    /// <summary>Llama 2, 7 billion parameters (Touvron et al. 2023).</summary>
    public static LanguageModelArchitecture Llama2 { get; } = LlamaNano with
    {
        VocabularySize = 32_000,
        ContextLength = 4096,
        Layers = 32,
        Heads = 32,
        EmbeddingSize = 4096,
        FeedForwardSize = 11_008,
        TieEmbeddings = false,
    };

    /// <summary>Llama 3.2, 1 billion parameters (Meta 2024).</summary>
    public static LanguageModelArchitecture Llama3 { get; } = Llama2 with
    {
        VocabularySize = 128_256,
        ContextLength = 131_072,
        Layers = 16,
        KeyValueHeads = 8,
        EmbeddingSize = 2048,
        FeedForwardSize = 8192,
        RotaryBase = 500_000,
        RotaryScaling = new RotaryScaling(RotaryScalingKind.Llama3, 32),
        TieEmbeddings = true,
    };

    /// <summary>SmolLM2, 135 million parameters (Hugging Face 2024).</summary>
    public static LanguageModelArchitecture SmolLm2 { get; } = LlamaNano with
    {
        VocabularySize = 49_152,
        ContextLength = 8192,
        Layers = 30,
        Heads = 9,
        KeyValueHeads = 3,
        EmbeddingSize = 576,
        FeedForwardSize = 1536,
        RotaryBase = 100_000,
    };

    /// <summary>Qwen 2.5, 0.5 billion parameters (Qwen team 2024).</summary>
    public static LanguageModelArchitecture Qwen2 { get; } = LlamaNano with
    {
        VocabularySize = 151_936,
        ContextLength = 32_768,
        Layers = 24,
        Heads = 14,
        KeyValueHeads = 2,
        EmbeddingSize = 896,
        FeedForwardSize = 4864,
        RotaryBase = 1_000_000,
        NormEpsilon = 1e-6,
        HasQueryKeyValueBias = true,
    };

    /// <summary>Mistral, 7 billion parameters (Jiang et al. 2023).</summary>
    public static LanguageModelArchitecture Mistral { get; } = Llama2 with
    {
        ContextLength = 32_768,
        KeyValueHeads = 8,
        FeedForwardSize = 14_336,
        SlidingWindow = 4096,
    };

    [JsonIgnore]
    internal int ActualKeyValueHeads => KeyValueHeads ?? Heads;

    [JsonIgnore]
    internal int ActualHeadSize => HeadSize ?? EmbeddingSize / Heads;

    [JsonIgnore]
    internal int ActualFeedForwardSize => FeedForwardSize
        ?? FeedForward.UsualSize(EmbeddingSize);

    /// <summary>The network's form.</summary>
    [JsonIgnore]
    internal DecoderShape Shape => new(
        new TransformerBlockShape
        {
            EmbeddingSize = EmbeddingSize,
            Heads = Heads,
            KeyValueHeads = ActualKeyValueHeads,
            HeadSize = ActualHeadSize,
            FeedForwardSize = ActualFeedForwardSize,
            FeedForward = FeedForward,
            Normalization = Normalization,
            NormEpsilon = NormEpsilon,
            HasQueryKeyValueBias = HasQueryKeyValueBias,
            HasBias = HasBias,
            Window = new AttentionWindow(SlidingWindow),
        },
        Layers,
        VocabularySize,
        ContextLength,
        Positions == PositionEncoding.Learned
            ? null
            : new RotaryShape(ActualHeadSize, RotaryBase, RotaryScaling, Positions == PositionEncoding.RotaryInterleaved),
        TieEmbeddings);

    /// <summary>Parameters of the network, the head's left out where it is the embedding.</summary>
    /// <exception cref="OverflowException">There is no such number.</exception>
    public long CountParameters() => checked((long)Shape.CountParameters());

    /// <exception cref="ArgumentException">A value is out of its range; the message names it.</exception>
    internal void Validate()
    {
        OptionChecks.AtLeast<int>(VocabularySize, 0);
        OptionChecks.AtLeast<int>(ContextLength, 1);
        OptionChecks.AtLeast<int>(Layers, 1);
        OptionChecks.AtLeast<int>(Heads, 1);
        OptionChecks.AtLeast<int>(KeyValueHeads, 1);
        OptionChecks.AtLeast<int>(EmbeddingSize, 1);
        OptionChecks.AtLeast<int>(HeadSize, 1);
        OptionChecks.AtLeast<int>(FeedForwardSize, 1);
        OptionChecks.Defined(Positions);
        OptionChecks.Defined(Normalization);
        OptionChecks.Positive(NormEpsilon);
        OptionChecks.Defined(FeedForward);
        OptionChecks.AtLeast<int>(SlidingWindow, 1);
        if (Heads % ActualKeyValueHeads != 0)
        {
            throw new ArgumentException(
                $"{nameof(Heads)} is {Heads}, which is not a multiple of {nameof(KeyValueHeads)}, {KeyValueHeads}.", nameof(KeyValueHeads));
        }

        if (HeadSize is null && EmbeddingSize % Heads != 0)
        {
            throw new ArgumentException(
                $"{nameof(EmbeddingSize)} is {EmbeddingSize}, which is not a multiple of {nameof(Heads)}, {Heads}: "
                + $"change one of them, or set {nameof(HeadSize)}.",
                nameof(EmbeddingSize));
        }

        if (Positions == PositionEncoding.Learned)
        {
            if (RotaryScaling is not null)
            {
                throw new ArgumentException(
                    $"{nameof(RotaryScaling)} needs rotary {nameof(Positions)}; they are {Positions}.", nameof(RotaryScaling));
            }

            return;
        }

        if (ActualHeadSize % 2 != 0)
        {
            throw new ArgumentException(
                $"A head has {ActualHeadSize} values; rotary {nameof(Positions)} need an even number.", nameof(HeadSize));
        }

        OptionChecks.AtLeast(RotaryBase, 1);
        if (RotaryScaling is { } scaling)
        {
            OptionChecks.Defined(scaling.Kind);
            OptionChecks.AtLeast(scaling.Factor, 1);
            OptionChecks.Positive(scaling.LowFrequencyFactor);
            OptionChecks.Positive(scaling.HighFrequencyFactor);
            OptionChecks.AtLeast<int>(scaling.OriginalContextLength, 1);
            if (scaling.HighFrequencyFactor <= scaling.LowFrequencyFactor)
            {
                throw new ArgumentException(
                    $"{nameof(scaling.HighFrequencyFactor)} is {scaling.HighFrequencyFactor}; "
                    + $"expected above {nameof(scaling.LowFrequencyFactor)}, {scaling.LowFrequencyFactor}.",
                    nameof(RotaryScaling));
            }
        }
    }
}
