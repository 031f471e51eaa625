namespace Microsoft.ML.Generative.Layers.Weights;

/// <summary>Puts the blocks of an output, in ggml's order, into a buffer.</summary>
internal delegate void ReadBlocks(long output, Span<byte> blocks);

/// <summary>Takes the blocks of an output, in ggml's order.</summary>
internal delegate void WriteBlocks(long output, ReadOnlySpan<byte> blocks);

/// <summary>A weight in blocks of ggml, which files have row by row.</summary>
internal interface IBlockRows
{
    BlockFormat Format { get; }

    /// <summary>Takes the blocks of all outputs, from the first to the last.</summary>
    /// <exception cref="InvalidDataException">A scale is not finite.</exception>
    void TakeRows(ReadBlocks read);

    /// <summary>Gives the blocks of some outputs.</summary>
    void GiveRows(long start, long count, WriteBlocks write);
}
