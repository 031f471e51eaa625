namespace Microsoft.ML.Generative.Text.Tokenization;

/// <summary>The ids that a language model has to know of its tokenizer; null where the tokenizer has none.</summary>
/// <param name="Bos">Begins a text.</param>
/// <param name="Eos">Ends a text.</param>
/// <param name="Unk">Stands for what the vocabulary lacks.</param>
/// <param name="Pad">Fills a row of a batch.</param>
internal sealed record SpecialTokenIds(int? Bos = null, int? Eos = null, int? Unk = null, int? Pad = null)
{
    public static SpecialTokenIds None { get; } = new();
}
