namespace Microsoft.ML.Generative.Layers;

/// <summary>The form of a <see cref="DecoderStack"/>.</summary>
/// <param name="Block">The form of all blocks.</param>
/// <param name="Layers">Blocks.</param>
/// <param name="VocabularySize">Tokens.</param>
/// <param name="ContextLength">Positions of a sequence, at most.</param>
/// <param name="Rotary">
/// How positions rotate queries and keys; <see langword="null"/>: a learned vector for each position is added to the token's.
/// </param>
/// <param name="TiesEmbeddings">Whether the output layer shares the weight of the token embedding.</param>
internal sealed record DecoderShape(
    TransformerBlockShape Block, int Layers, int VocabularySize, int ContextLength, RotaryShape? Rotary, bool TiesEmbeddings)
{
    /// <summary>How the token embedding and the output layer are stored.</summary>
    public WeightFormat TableFormat =>
        Block.Format is WeightFormat.Q8_0 or WeightFormat.Q4_0 ? WeightFormat.Q8_0 : WeightFormat.Float32;

    /// <summary>Parameters of all layers; a shared weight counts once.</summary>
    public Int128 CountParameters()
    {
        Int128 width = Block.EmbeddingSize;
        return VocabularySize * width * (TiesEmbeddings ? 1 : 2) + (Rotary is null ? ContextLength * width : 0)
            + Layers * Block.CountParameters() + Block.CountNormParameters();
    }
}
