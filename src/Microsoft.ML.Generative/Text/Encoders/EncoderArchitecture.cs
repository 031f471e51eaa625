using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Layers;

namespace Microsoft.ML.Generative;

/// <summary>
/// The shape of a transformer encoder, in which each token attends to all others (Devlin et al., "BERT", 2018), and of its descendants.
/// </summary>
/// <remarks>
/// Begin with one of the presets and change what differs: <c>EncoderArchitecture.BertTiny with { ContextLength = 64 }</c>.
/// </remarks>
public sealed record EncoderArchitecture
{
    /// <summary>Tokens that the model knows. 0: as many as the tokenizer of the training has. Default: 0.</summary>
    public int VocabularySize { get; init; }

    /// <summary>Tokens that the model sees at once, at least 1. Default: 128.</summary>
    public int ContextLength { get; init; } = 128;

    /// <summary>Transformer blocks, at least 1. Default: 4.</summary>
    public int Layers { get; init; } = 4;

    /// <summary>Attention heads in a block, a divisor of <see cref="EmbeddingSize"/>. Default: 4.</summary>
    public int Heads { get; init; } = 4;

    /// <summary>Values that a token is described by (<c>hidden_size</c>). Default: 128.</summary>
    public int EmbeddingSize { get; init; } = 128;

    /// <summary>
    /// Values between the two layers of a feed-forward block. Default: 4 × <see cref="EmbeddingSize"/>, for a gated block two thirds of
    /// that, rounded up to a multiple of 32.
    /// </summary>
    public int? FeedForwardSize { get; init; }

    /// <summary>The feed-forward block. Default: <see cref="FeedForwardKind.Gelu"/>.</summary>
    public FeedForwardKind FeedForward { get; init; }

    /// <summary>How the order of tokens is known. Default: <see cref="PositionEncoding.Learned"/>.</summary>
    public PositionEncoding Positions { get; init; }

    /// <summary>
    /// The number of the first token's position among the learned ones, at least 0: RoBERTa begins at 2. Default: 0.
    /// </summary>
    public int FirstPosition { get; init; }

    /// <summary>Base of the rotary frequencies, above 1. Default: 10,000.</summary>
    public double RotaryBase { get; init; } = 10_000;

    /// <summary>
    /// Tokens that a token attends to in blocks with local attention, half of them before and half behind it, beside itself (transformers'
    /// <c>local_attention</c>), at least 2. Default: none, all blocks attend to all tokens.
    /// </summary>
    public int? LocalAttention { get; init; }

    /// <summary>
    /// Of so many blocks, the first attends to all tokens and the others have <see cref="LocalAttention"/>, if that is set; at least 1.
    /// Default: 3.
    /// </summary>
    public int GlobalAttentionInterval { get; init; } = 3;

    /// <summary>
    /// Base of the rotary frequencies of blocks with <see cref="LocalAttention"/>, above 1. Default: <see cref="RotaryBase"/>.
    /// </summary>
    public double? LocalRotaryBase { get; init; }

    /// <summary>
    /// Kinds of segments, such as the first and the second of two texts (token types), each with a learned vector; 0: none. Default: 2.
    /// </summary>
    public int SegmentCount { get; init; } = 2;

    /// <summary>
    /// Whether what goes into attention and feed-forward layers is normalized, and not the sums behind them. Default: false, as in BERT.
    /// </summary>
    public bool IsPreNorm { get; init; }

    /// <summary>
    /// Whether, with <see cref="IsPreNorm"/>, also the first block normalizes what goes into its attention, the embeddings, which have been
    /// normalized. Default: true; false in ModernBERT.
    /// </summary>
    public bool HasFirstNorm { get; init; } = true;

    /// <summary>What is added to the variance in a layer normalization, above 0. Default: 1e-12.</summary>
    public double NormEpsilon { get; init; } = 1e-12;

    /// <summary>Whether linear layers and normalizations have a bias. Default: true.</summary>
    public bool HasBias { get; init; } = true;

    /// <summary>
    /// Whether there is a layer, with a hyperbolic tangent, that makes BERT's pooled output of the first token. Default: false.
    /// </summary>
    public bool HasPooler { get; init; }

    /// <summary>The smallest BERT: 4.4 million parameters (Turc et al. 2019).</summary>
    public static EncoderArchitecture BertTiny { get; } = new()
    {
        VocabularySize = 30_522,
        ContextLength = 512,
        Layers = 2,
        Heads = 2,
        EmbeddingSize = 128,
        HasPooler = true,
    };

    /// <summary>BERT base, uncased: 109 million parameters (Devlin et al. 2018).</summary>
    public static EncoderArchitecture BertBase { get; } = BertTiny with { Layers = 12, Heads = 12, EmbeddingSize = 768 };

    /// <summary>MiniLM with 6 layers, the network of all-MiniLM-L6-v2: 23 million parameters (Wang et al. 2020).</summary>
    public static EncoderArchitecture MiniLm { get; } = BertTiny with { Layers = 6, Heads = 12, EmbeddingSize = 384 };

    /// <summary>DistilBERT: 66 million parameters (Sanh et al. 2019).</summary>
    public static EncoderArchitecture DistilBert { get; } = BertBase with { Layers = 6, SegmentCount = 0, HasPooler = false };

    /// <summary>RoBERTa base: 125 million parameters (Liu et al. 2019).</summary>
    public static EncoderArchitecture RobertaBase { get; } = BertBase with
    {
        VocabularySize = 50_265,
        FirstPosition = 2,
        SegmentCount = 1,
        NormEpsilon = 1e-5,
    };

    /// <summary>ModernBERT base: 149 million parameters (Warner et al. 2024).</summary>
    public static EncoderArchitecture ModernBertBase { get; } = new()
    {
        VocabularySize = 50_368,
        ContextLength = 8192,
        Layers = 22,
        Heads = 12,
        EmbeddingSize = 768,
        FeedForwardSize = 1152,
        FeedForward = FeedForwardKind.GeGlu,
        Positions = PositionEncoding.Rotary,
        RotaryBase = 160_000,
        LocalAttention = 128,
        LocalRotaryBase = 10_000,
        SegmentCount = 0,
        IsPreNorm = true,
        HasFirstNorm = false,
        NormEpsilon = 1e-5,
        HasBias = false,
    };

    [JsonIgnore]
    internal int ActualFeedForwardSize => FeedForwardSize ?? FeedForward.UsualSize(EmbeddingSize);

    /// <summary>Rows of the table of learned positions.</summary>
    [JsonIgnore]
    internal int PositionRows => Positions == PositionEncoding.Learned ? checked(ContextLength + FirstPosition) : 0;

    [JsonIgnore]
    internal TransformerBlockShape Block => new()
    {
        EmbeddingSize = EmbeddingSize,
        Heads = Heads,
        KeyValueHeads = Heads,
        HeadSize = EmbeddingSize / Heads,
        FeedForwardSize = ActualFeedForwardSize,
        FeedForward = FeedForward,
        NormEpsilon = NormEpsilon,
        HasQueryKeyValueBias = HasBias,
        HasBias = HasBias,
        IsCausal = false,
        NormalizesSums = !IsPreNorm,
    };

    [JsonIgnore]
    internal RotaryShape? Rotary => RotaryOf(RotaryBase);

    /// <summary>How positions rotate queries and keys in blocks with local attention.</summary>
    [JsonIgnore]
    internal RotaryShape? LocalRotary => RotaryOf(LocalRotaryBase ?? RotaryBase);

    /// <summary>The form of a block.</summary>
    internal TransformerBlockShape BlockAt(int index) => Block with { HasAttentionNorm = index > 0 || HasFirstNorm };

    /// <summary>Whether a block has local attention.</summary>
    internal bool IsLocal(int block) => LocalAttention is not null && block % GlobalAttentionInterval != 0;

    /// <summary>Parameters of the network, without those of a head on top of it.</summary>
    /// <exception cref="OverflowException">There is no such number.</exception>
    public long CountParameters()
    {
        TransformerBlockShape block = Block;
        Int128 width = EmbeddingSize, rows = (Int128)VocabularySize + PositionRows + SegmentCount;
        Int128 norms = (IsPreNorm ? 2 : 1) * block.CountNormParameters(), pooler = HasPooler ? width * (width + 1) : 0;
        if (!HasFirstNorm)
            norms -= block.CountNormParameters();
        return checked((long)(rows * width + norms + Layers * block.CountParameters() + pooler));
    }

    /// <exception cref="ArgumentException">A value is out of its range; the message names it.</exception>
    internal void Validate()
    {
        OptionChecks.AtLeast(VocabularySize, 0);
        OptionChecks.AtLeast(ContextLength, 1);
        OptionChecks.AtLeast(Layers, 1);
        OptionChecks.AtLeast(Heads, 1);
        OptionChecks.AtLeast(EmbeddingSize, 1);
        OptionChecks.AtLeast(FeedForwardSize, 1);
        OptionChecks.Defined(FeedForward);
        OptionChecks.Defined(Positions);
        OptionChecks.AtLeast(FirstPosition, 0);
        OptionChecks.AtLeast(SegmentCount, 0);
        OptionChecks.Positive(NormEpsilon);
        OptionChecks.AtLeast(LocalAttention, 2);
        OptionChecks.AtLeast(GlobalAttentionInterval, 1);
        if (!HasFirstNorm && !IsPreNorm)
        {
            throw new ArgumentException(
                $"{nameof(HasFirstNorm)} is false, but {nameof(IsPreNorm)} is false too: sums are normalized in all blocks.",
                nameof(HasFirstNorm));
        }

        if (EmbeddingSize % Heads != 0)
        {
            throw new ArgumentException(
                $"{nameof(EmbeddingSize)} is {EmbeddingSize}, which is not a multiple of {nameof(Heads)}, {Heads}.", nameof(EmbeddingSize));
        }

        if (LocalRotaryBase is not null && (LocalAttention is null || Positions == PositionEncoding.Learned))
        {
            throw new ArgumentException(
                $"{nameof(LocalRotaryBase)} is {LocalRotaryBase}, which needs {nameof(LocalAttention)} and rotary {nameof(Positions)}.",
                nameof(LocalRotaryBase));
        }

        if (Positions == PositionEncoding.Learned)
            return;
        OptionChecks.AtLeast(RotaryBase, 1);
        OptionChecks.AtLeast(LocalRotaryBase, 1);
        if (FirstPosition != 0)
        {
            throw new ArgumentException(
                $"{nameof(FirstPosition)} is {FirstPosition}, which needs {nameof(PositionEncoding.Learned)} {nameof(Positions)}; they are "
                + $"{Positions}.", nameof(FirstPosition));
        }

        if (EmbeddingSize / Heads % 2 != 0)
        {
            throw new ArgumentException(
                $"A head has {EmbeddingSize / Heads} values; rotary {nameof(Positions)} need an even number.", nameof(Heads));
        }
    }

    private RotaryShape? RotaryOf(double rotaryBase) => Positions == PositionEncoding.Learned
        ? null
        : new RotaryShape(EmbeddingSize / Heads, rotaryBase, null, Positions == PositionEncoding.RotaryInterleaved);
}
