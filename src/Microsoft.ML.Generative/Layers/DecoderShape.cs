using Microsoft.ML.Generative.Layers.Weights;

namespace Microsoft.ML.Generative.Layers;

/// <summary>The form of a <see cref="DecoderStack"/>.</summary>
/// <param name="Block">The form of all blocks.</param>
/// <param name="Layers">Blocks.</param>
/// <param name="VocabularySize">Tokens.</param>
/// <param name="ContextLength">Positions of a sequence, at most.</param>
/// <param name="Rotary">
/// How positions rotate queries and keys; <see langword="null"/>: they do not.
/// </param>
/// <param name="TiesEmbeddings">Whether the output layer shares the weight of the token embedding.</param>
internal sealed record DecoderShape(
    TransformerBlockShape Block, int Layers, int VocabularySize, int ContextLength, RotaryShape? Rotary, bool TiesEmbeddings)
{
    /// <summary>The bias of relative positions, the same in all blocks; <see langword="null"/>: there is none.</summary>
    public RelativePositionShape? Relative { get; init; }

    /// <summary>What hidden states are multiplied with before the output layer.</summary>
    public double HeadScale { get; init; } = 1;

    /// <summary>Whether a learned vector for each position is added to the token's.</summary>
    public bool HasLearnedPositions => Rotary is null && Relative is null;

    /// <summary>
    /// The format of each large weight, in the order of <see cref="DecoderStack.Quantizable"/>; <see langword="null"/>: all are as the form
    /// of the blocks says.
    /// </summary>
    public BlockFormat[][]? Formats { get; init; }

    /// <summary>How the token embedding is stored; <see langword="null"/>: as floats that are learned.</summary>
    public BlockFormat? TokenFormat => Formats?[0][0] ?? TableFormat;

    /// <summary>How the output layer is stored; <see langword="null"/>: as floats that are learned.</summary>
    public BlockFormat? HeadFormat => Formats?[^1][0] ?? TableFormat;

    private BlockFormat? TableFormat => WeightFormats.TableFormat(Block.Format);

    /// <summary>The form of a block.</summary>
    public TransformerBlockShape BlockAt(int index)
    {
        int first = 1 + index * WeightFormats.WeightsOfBlock;
        return Formats is null ? Block : Block with { Formats = Formats[first..(first + WeightFormats.WeightsOfBlock)] };
    }

    /// <summary>Parameters of all layers; a shared weight counts once.</summary>
    public Int128 CountParameters()
    {
        Int128 width = Block.EmbeddingSize;
        return VocabularySize * width * (TiesEmbeddings ? 1 : 2) + (HasLearnedPositions ? ContextLength * width : 0)
            + (Relative?.CountParameters() ?? 0)
            + Layers * Block.CountParameters() + Block.CountNormParameters();
    }
}
