namespace Microsoft.ML.Generative.Layers.Weights;

/// <summary>How the large weights of a decoder are stored.</summary>
/// <param name="Common">The format of all, or <see cref="WeightFormat.Mixed"/>.</param>
/// <param name="Each">
/// The format of each weight, or of each of its parts, in the order of <see cref="DecoderStack.Quantizable"/>: for
/// <see cref="WeightFormat.Mixed"/> alone.
/// </param>
internal sealed record WeightFormats(WeightFormat Common, BlockFormat[][]? Each = null)
{
    /// <summary>Weights of a block.</summary>
    public const int WeightsOfBlock = 4;

    public static implicit operator WeightFormats(WeightFormat format) => new(format);

    /// <summary>The same for a decoder whose output layer may have no weight of its own any more.</summary>
    /// <param name="layers">Blocks.</param>
    /// <param name="tiesEmbeddings">Whether it has none.</param>
    public WeightFormats For(int layers, bool tiesEmbeddings) =>
        Each is null || !tiesEmbeddings ? this : this with { Each = Each[..(1 + layers * WeightsOfBlock)] };

    /// <summary>
    /// How the token embedding and the output layer are stored where other weights have a format; <see langword="null"/>: as floats.
    /// </summary>
    public static BlockFormat? TableFormat(WeightFormat format) => format switch
    {
        WeightFormat.BFloat16 => BlockFormat.BF16,
        WeightFormat.Q8_0 or WeightFormat.Q4_0 => BlockFormat.Q8_0,
        _ => null,
    };

    /// <summary>The formats of a decoder in which all weights that are alike have the same.</summary>
    /// <param name="format">Floats or a format of ggml.</param>
    /// <param name="count">The number of weights.</param>
    public static BlockFormat[] Uniform(WeightFormat format, int count)
    {
        BlockFormat table = TableFormat(format) ?? BlockFormat.F32;
        BlockFormat other = format switch
        {
            WeightFormat.BFloat16 => BlockFormat.BF16,
            WeightFormat.Q8_0 => BlockFormat.Q8_0,
            WeightFormat.Q4_0 => BlockFormat.Q4_0,
            _ => BlockFormat.F32,
        };
        return [.. Enumerable.Range(0, count)
            .Select(i => i == 0 || i > (count - 1) / WeightsOfBlock * WeightsOfBlock ? table : other)];
    }
}
