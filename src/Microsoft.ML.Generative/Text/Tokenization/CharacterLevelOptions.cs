namespace Microsoft.ML.Generative.Tokenizers;

/// <summary>Options of a character-level tokenizer.</summary>
public sealed class CharacterLevelOptions
{
    /// <summary>
    /// The token for characters that were not in the texts, such as "&lt;unk&gt;". Default: <see langword="null"/>, with which such
    /// a character is an error.
    /// </summary>
    public string? UnknownToken { get; set; }

    /// <summary>
    /// The token that ends a text, such as "&lt;|endoftext|&gt;". Default: <see langword="null"/>, none: then documents run into each
    /// other.
    /// </summary>
    public string? EndOfTextToken { get; set; }
}
