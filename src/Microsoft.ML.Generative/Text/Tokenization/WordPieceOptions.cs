using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Text.Tokenization.Formats;

namespace Microsoft.ML.Generative.Tokenizers;

/// <summary>Options of a WordPiece tokenizer that is made from texts.</summary>
public sealed class WordPieceOptions
{
    internal static class Defaults
    {
        public const int VocabularySize = 4096;
        public const int MinimumFrequency = 2;
    }

    /// <summary>
    /// The number of tokens, 6 to below 4,194,304: [PAD], [UNK], [CLS], [SEP] and [MASK], characters, and merged ones. Where there are more
    /// characters than fit, the rarest are left out, and words with them become [UNK]. Default: 4,096.
    /// </summary>
    public int VocabularySize { get; set; } = Defaults.VocabularySize;

    /// <summary>
    /// How often two tokens have to be neighbors to be merged, at least 1. Where no two are any more, the vocabulary stays smaller than
    /// <see cref="VocabularySize"/>. Default: 2.
    /// </summary>
    public int MinimumFrequency { get; set; } = Defaults.MinimumFrequency;

    /// <summary>Whether texts become lower case, without accents, as in uncased models. Default: true.</summary>
    public bool Lowercase { get; set; } = true;

    /// <exception cref="ArgumentException">An option is out of range.</exception>
    internal void Validate()
    {
        OptionChecks.AtLeast(VocabularySize, WordPieceFile.SpecialTokens.Count + 1);
        OptionChecks.Below(VocabularySize, TokenVocabulary.MaxIds);
        OptionChecks.AtLeast(MinimumFrequency, 1);
    }

    internal WordPieceOptions Copy() => (WordPieceOptions)MemberwiseClone();
}
