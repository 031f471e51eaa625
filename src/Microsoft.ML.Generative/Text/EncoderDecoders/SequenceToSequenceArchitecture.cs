using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Layers;

namespace Microsoft.ML.Generative;

/// <summary>The shape of an encoder–decoder of the T5 family (Raffel et al. 2020).</summary>
/// <remarks>
/// Begin with one of the presets and change what differs: <c>SequenceToSequenceArchitecture.T5Nano with { Layers = 2 }</c>. Positions are
/// known by their distances, so that texts of any length can be read and written.
/// </remarks>
public sealed record SequenceToSequenceArchitecture
{
    /// <summary>
    /// Tokens that the model knows. 0: those of the tokenizer of the training, with a token that begins outputs and 100 sentinels where it
    /// has none. Default: 0.
    /// </summary>
    public int VocabularySize { get; init; }

    /// <summary>Blocks of the encoder, at least 1. Default: 6.</summary>
    public int Layers { get; init; } = 6;

    /// <summary>Blocks of the decoder, at least 1. Default: as many as <see cref="Layers"/>.</summary>
    public int? DecoderLayers { get; init; }

    /// <summary>Attention heads in a block, at least 1. Default: 8.</summary>
    public int Heads { get; init; } = 8;

    /// <summary>Values that a token is described by. Default: 512.</summary>
    public int EmbeddingSize { get; init; } = 512;

    /// <summary>Values of a head. Default: <see cref="EmbeddingSize"/> / <see cref="Heads"/>.</summary>
    public int? HeadSize { get; init; }

    /// <summary>
    /// Values between the two layers of a feed-forward block. Default: 4 × <see cref="EmbeddingSize"/>, for a gated block two thirds of
    /// that, rounded up to a multiple of 32.
    /// </summary>
    public int? FeedForwardSize { get; init; }

    /// <summary>The feed-forward block. Default: <see cref="FeedForwardKind.Relu"/>.</summary>
    public FeedForwardKind FeedForward { get; init; } = FeedForwardKind.Relu;

    /// <summary>
    /// Buckets of distances between tokens, for each of which a head learns a value, an even number of at least 4. Default: 32.
    /// </summary>
    public int PositionBuckets { get; init; } = 32;

    /// <summary>
    /// The distance from which on all share a bucket, at least <see cref="PositionBuckets"/> / 2 + 1. Default: 128.
    /// </summary>
    public int MaxPositionDistance { get; init; } = 128;

    /// <summary>What is added to the mean square in a normalization, above 0. Default: 1e-6.</summary>
    public double NormEpsilon { get; init; } = 1e-6;

    /// <summary>
    /// Whether the output layer has the weights of the token embedding; what it reads is then divided by the root of
    /// <see cref="EmbeddingSize"/>. Default: true, as in T5 1.0; T5 1.1, Flan-T5 and mT5 have an output layer of their own.
    /// </summary>
    public bool TieEmbeddings { get; init; } = true;

    /// <summary>A small model that learns in minutes on a CPU: 3 and 3 layers, 128 wide.</summary>
    public static SequenceToSequenceArchitecture T5Nano { get; } = new()
    {
        Layers = 3,
        Heads = 4,
        EmbeddingSize = 128,
        FeedForward = FeedForwardKind.GeGluTanh,
    };

    /// <summary>T5 small: 61 million parameters (Raffel et al. 2020).</summary>
    public static SequenceToSequenceArchitecture T5Small { get; } = new() { VocabularySize = 32_128 };

    /// <summary>T5 base: 223 million parameters.</summary>
    public static SequenceToSequenceArchitecture T5Base { get; } = T5Small with { Layers = 12, Heads = 12, EmbeddingSize = 768 };

    /// <summary>T5 large: 738 million parameters.</summary>
    public static SequenceToSequenceArchitecture T5Large { get; } = T5Small with { Layers = 24, Heads = 16, EmbeddingSize = 1024 };

    /// <summary>Flan-T5 small, which has the shape of T5 1.1: 77 million parameters (Chung et al. 2022).</summary>
    public static SequenceToSequenceArchitecture FlanT5Small { get; } = T5Small with
    {
        Layers = 8,
        Heads = 6,
        HeadSize = 64,
        FeedForwardSize = 1024,
        FeedForward = FeedForwardKind.GeGluTanh,
        TieEmbeddings = false,
    };

    /// <summary>Flan-T5 base: 248 million parameters.</summary>
    public static SequenceToSequenceArchitecture FlanT5Base { get; } = FlanT5Small with
    {
        Layers = 12,
        Heads = 12,
        EmbeddingSize = 768,
        FeedForwardSize = 2048,
    };

    /// <summary>Flan-T5 large: 783 million parameters.</summary>
    public static SequenceToSequenceArchitecture FlanT5Large { get; } = FlanT5Small with
    {
        Layers = 24,
        Heads = 16,
        EmbeddingSize = 1024,
        FeedForwardSize = 2816,
    };

    [JsonIgnore]
    internal int ActualDecoderLayers => DecoderLayers ?? Layers;

    [JsonIgnore]
    internal int ActualHeadSize => HeadSize ?? EmbeddingSize / Heads;

    [JsonIgnore]
    internal int ActualFeedForwardSize => FeedForwardSize ?? FeedForward.UsualSize(EmbeddingSize);

    /// <summary>The form of the encoder's blocks.</summary>
    [JsonIgnore]
    internal TransformerBlockShape EncoderBlock => new()
    {
        EmbeddingSize = EmbeddingSize,
        Heads = Heads,
        KeyValueHeads = Heads,
        HeadSize = ActualHeadSize,
        FeedForwardSize = ActualFeedForwardSize,
        FeedForward = FeedForward,
        Normalization = NormalizationKind.RmsNorm,
        NormEpsilon = NormEpsilon,
        HasQueryKeyValueBias = false,
        HasBias = false,
        IsCausal = false,
        ScalesAttention = false,
    };

    /// <summary>The form of the bias of relative positions.</summary>
    internal RelativePositionShape Relative(bool isBidirectional) => new(Heads, PositionBuckets, MaxPositionDistance, isBidirectional);

    /// <summary>The form of the decoder.</summary>
    [JsonIgnore]
    internal DecoderShape Decoder => new(
        EncoderBlock with { IsCausal = true, HasCrossAttention = true },
        ActualDecoderLayers,
        VocabularySize,
        // Distances know no end; sessions have their own.
        ContextLength: int.MaxValue,
        Rotary: null,
        TieEmbeddings)
    {
        Relative = Relative(isBidirectional: false),
        HeadScale = TieEmbeddings ? 1 / Math.Sqrt(EmbeddingSize) : 1,
    };

    /// <summary>Parameters of the network; weights that are shared count once.</summary>
    /// <exception cref="OverflowException">There is no such number.</exception>
    public long CountParameters()
    {
        TransformerBlockShape block = EncoderBlock;
        return checked((long)(Decoder.CountParameters()
            + Layers * block.CountParameters() + block.CountNormParameters() + Relative(isBidirectional: true).CountParameters()));
    }

    /// <exception cref="ArgumentException">A value is out of its range; the message names it.</exception>
    internal void Validate()
    {
        OptionChecks.AtLeast<int>(VocabularySize, 0);
        OptionChecks.AtLeast<int>(Layers, 1);
        OptionChecks.AtLeast<int>(DecoderLayers, 1);
        OptionChecks.AtLeast<int>(Heads, 1);
        OptionChecks.AtLeast<int>(EmbeddingSize, 1);
        OptionChecks.AtLeast<int>(HeadSize, 1);
        OptionChecks.AtLeast<int>(FeedForwardSize, 1);
        OptionChecks.Defined(FeedForward);
        OptionChecks.AtLeast<int>(PositionBuckets, 4);
        OptionChecks.AtLeast<int>(MaxPositionDistance, PositionBuckets / 2 + 1);
        OptionChecks.Positive(NormEpsilon);
        if (PositionBuckets % 2 != 0)
        {
            throw new ArgumentException(
                $"{nameof(PositionBuckets)} is {PositionBuckets}; expected an even number.", nameof(PositionBuckets));
        }

        if (HeadSize is null && EmbeddingSize % Heads != 0)
        {
            throw new ArgumentException(
                $"{nameof(EmbeddingSize)} is {EmbeddingSize}, which is not a multiple of {nameof(Heads)}, {Heads}: "
                + $"change one of them, or set {nameof(HeadSize)}.",
                nameof(EmbeddingSize));
        }
    }
}
