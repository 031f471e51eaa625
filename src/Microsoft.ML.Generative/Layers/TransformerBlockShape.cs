using Microsoft.ML.Generative.Layers.Weights;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>The form of a <see cref="TransformerBlock"/>.</summary>
internal sealed record TransformerBlockShape
{
    public required int EmbeddingSize { get; init; }

    public required int Heads { get; init; }

    /// <summary>Heads of keys and values, a divisor of <see cref="Heads"/>.</summary>
    public required int KeyValueHeads { get; init; }

    public required int HeadSize { get; init; }

    /// <summary>Values between the two layers of the feed-forward block.</summary>
    public required int FeedForwardSize { get; init; }

    public FeedForwardKind FeedForward { get; init; }

    public NormalizationKind Normalization { get; init; }

    public double NormEpsilon { get; init; } = 1e-5;

    public bool HasQueryKeyValueBias { get; init; } = true;

    /// <summary>Whether the other layers, and <see cref="NormalizationKind.LayerNorm"/>, have a bias.</summary>
    public bool HasBias { get; init; } = true;

    /// <summary>Whether a position attends to those before it alone, and not to those behind it.</summary>
    public bool IsCausal { get; init; } = true;

    /// <summary>
    /// Whether sums are normalized (Vaswani et al. 2017; Devlin et al. 2018), and not what goes into attention and feed-forward layers.
    /// </summary>
    public bool NormalizesSums { get; init; }

    /// <summary>Whether attention has a normalization. A block whose input is normalized already may lack it.</summary>
    public bool HasAttentionNorm { get; init; } = true;

    /// <summary>
    /// Whether scores of attention are divided by the root of <see cref="HeadSize"/> (Vaswani et al. 2017). T5 begins with smaller weights
    /// of queries instead.
    /// </summary>
    public bool ScalesAttention { get; init; } = true;

    /// <summary>Whether the block also attends to another sequence, between its own attention and the feed-forward block.</summary>
    public bool HasCrossAttention { get; init; }

    /// <summary>How the weights of linear layers are stored.</summary>
    public WeightFormat Format { get; init; }

    /// <summary>
    /// The formats of each linear layer's weight, or of its parts; <see langword="null"/>: all are as <see cref="Format"/> says.
    /// </summary>
    public BlockFormat[][]? Formats { get; init; }

    /// <summary>What a position attends to.</summary>
    public AttentionWindow Window { get; init; }

    public bool HasNormBias => HasBias && Normalization == NormalizationKind.LayerNorm;

    /// <summary>Values of all heads together: what attention returns for a position.</summary>
    public int AttendedSize => checked(Heads * HeadSize);

    /// <summary>Outputs of the layer that computes queries, keys and values.</summary>
    public int QueryKeyValueSize => checked((Heads + 2 * KeyValueHeads) * HeadSize);

    /// <summary>Outputs of the first feed-forward layer.</summary>
    public int FeedForwardInSize => FeedForward.IsGated() ? checked(2 * FeedForwardSize) : FeedForwardSize;

    /// <summary>Makes queries whose scores will be divided by the root of <see cref="HeadSize"/>.</summary>
    public Tensor Scale(Tensor queries) => ScalesAttention ? queries : queries.Times(Math.Sqrt(HeadSize));

    /// <summary>Keys or values for each head: [batch, key heads, time, headSize] → [batch, heads, time, headSize].</summary>
    public Tensor Repeat(Tensor keys) => KeyValueHeads == Heads ? keys : keys.repeat_interleave(Heads / KeyValueHeads, 1);

    /// <summary>Parameters of a block.</summary>
    public Int128 CountParameters()
    {
        Int128 width = EmbeddingSize, bias = HasBias ? 1 : 0;
        Int128 attention = ((Int128)Heads + 2 * (Int128)KeyValueHeads) * HeadSize * (width + (HasQueryKeyValueBias ? 1 : 0))
            + width * ((Int128)Heads * HeadSize + bias);
        int attentions = HasCrossAttention ? 2 : 1, norms = attentions + (HasAttentionNorm ? 1 : 0);
        Int128 feedForward = (FeedForward.IsGated() ? 2 : 1) * (Int128)FeedForwardSize * (width + bias)
            + width * (FeedForwardSize + bias);
        return norms * CountNormParameters() + attentions * attention + feedForward;
    }

    /// <summary>Parameters of a normalization of the block's kind.</summary>
    public Int128 CountNormParameters() => HasNormBias ? 2 * (Int128)EmbeddingSize : EmbeddingSize;
}
