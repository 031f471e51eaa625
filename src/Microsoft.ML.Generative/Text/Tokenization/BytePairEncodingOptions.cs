using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Text.Tokenization.Formats;

namespace Microsoft.ML.Generative.Tokenizers;

/// <summary>Options of a byte-level byte pair encoding that is made from texts.</summary>
public sealed class BytePairEncodingOptions
{
    internal static class Defaults
    {
        public const int VocabularySize = 4096;
        public const int MinimumFrequency = 2;
    }

    /// <summary>
    /// The number of tokens, below 4,194,304: 256 for the bytes, merged ones, and that of <see cref="EndOfTextToken"/>. Default: 4,096.
    /// </summary>
    public int VocabularySize { get; set; } = Defaults.VocabularySize;

    /// <summary>
    /// How often two tokens have to be neighbors to be merged, at least 1. Where no two are any more, the vocabulary stays smaller than
    /// <see cref="VocabularySize"/>. Default: 2.
    /// </summary>
    public int MinimumFrequency { get; set; } = Defaults.MinimumFrequency;

    /// <summary>
    /// The token that ends a text, which has the last id, or <see langword="null"/> for none. Default: "&lt;|endoftext|&gt;".
    /// </summary>
    public string? EndOfTextToken { get; set; } = Gpt2Files.EndOfText;

    /// <exception cref="ArgumentException">An option is out of range.</exception>
    internal void Validate()
    {
        OptionChecks.AtLeast(VocabularySize, 256 + (EndOfTextToken is null ? 0 : 1));
        OptionChecks.Below(VocabularySize, TokenVocabulary.MaxIds);
        OptionChecks.AtLeast(MinimumFrequency, 1);
        if (EndOfTextToken is { Length: < 2 })
            throw new ArgumentException($"{nameof(EndOfTextToken)} is {Quoted.Text(EndOfTextToken)}; expected two characters or more.");
    }

    internal BytePairEncodingOptions Copy() => (BytePairEncodingOptions)MemberwiseClone();
}
