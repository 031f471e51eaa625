namespace Microsoft.ML.Generative.Text.Tokenization;

/// <summary>The ids of special tokens that a language model needs; null where the tokenizer has none.</summary>
/// <param name="Bos">Begins a text.</param>
/// <param name="Eos">Ends a text.</param>
/// <param name="Unk">The token of text that the vocabulary lacks.</param>
/// <param name="Pad">Fills a row of a batch.</param>
internal sealed record SpecialTokenIds(int? Bos = null, int? Eos = null, int? Unk = null, int? Pad = null)
{
    public static SpecialTokenIds None { get; } = new();
}
