namespace Microsoft.ML.Generative.Tokenizers;

/// <summary>The parts of an encoding that a <c>.tiktoken</c> file lacks: where it cuts words, and the special tokens.</summary>
public sealed class TiktokenOptions
{
    /// <summary>The regular expression whose matches are words, in Oniguruma's or .NET's syntax.</summary>
    public required string Pattern { get; set; }

    /// <summary>Special tokens and their ids. Default: none.</summary>
    public IReadOnlyDictionary<string, int> SpecialTokens { get; set; } = new Dictionary<string, int>();

    /// <summary>The token among <see cref="SpecialTokens"/> that begins a text, or <see langword="null"/>.</summary>
    public string? BeginningOfTextToken { get; set; }

    /// <summary>The token among <see cref="SpecialTokens"/> that ends a text, or <see langword="null"/>.</summary>
    public string? EndOfTextToken { get; set; }

    /// <summary>Whether encoding puts <see cref="BeginningOfTextToken"/> before a text, as Llama 3 does. Default: no.</summary>
    public bool AddBeginningOfText { get; set; }
}
