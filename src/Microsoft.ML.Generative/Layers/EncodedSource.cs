using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>The output of an encoder for sequences.</summary>
/// <param name="States">[batch, length, width].</param>
/// <param name="Mask">What is added to scores, [batch, 1, 1, length]: padding is not attended to. <see langword="null"/>: nothing.</param>
internal sealed record EncodedSource(Tensor States, Tensor? Mask)
{
    /// <summary>What a block attends to; <see langword="null"/>: it does not attend to other sequences.</summary>
    public CrossSource? For(TransformerBlock block) =>
        block.Cross is { } cross ? new CrossSource(cross.KeysAndValues(States), Mask) : null;
}
