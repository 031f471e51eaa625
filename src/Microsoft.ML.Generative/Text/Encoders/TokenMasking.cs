using System.Globalization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.Tokenization.Formats;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Text.Encoders;

/// <summary>
/// Chooses the tokens that a model is to predict (Devlin et al. 2018, section 3.1): of those chosen, 80% become the mask, 10% another token
/// and 10% stay. Special tokens are never chosen.
/// </summary>
internal sealed class TokenMasking
{
    private const double MaskedPart = 0.8;
    private const double MaskedOrReplacedPart = 0.9;

    // What words begin with in byte-level and SentencePiece vocabularies.
    private const char ByteLevelSpace = '\u0120';
    private const char SentencePieceSpace = '\u2581';

    private readonly int _mask;
    private readonly double _probability;
    private readonly bool[] _isText;
    private readonly bool[]? _continues;
    private readonly int[] _texts;

    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="probability">The part of the tokens that is chosen.</param>
    /// <param name="wholeWords">Whether all tokens of a word are chosen together.</param>
    /// <exception cref="ArgumentException">The tokenizer has no mask, or does not tell where words begin.</exception>
    public TokenMasking(GenerativeTokenizer tokenizer, double probability, bool wholeWords)
    {
        _probability = probability;
        _mask = MaskOf(tokenizer);
        _isText = [.. Enumerable.Range(0, tokenizer.VocabularySize).Select(id => !tokenizer.IsSpecial(id))];
        _texts = [.. Enumerable.Range(0, _isText.Length).Where(id => _isText[id])];
        _continues = wholeWords ? FindContinuations(tokenizer) : null;
    }

    /// <summary>The token that masks others.</summary>
    /// <exception cref="ArgumentException">The tokenizer has none.</exception>
    public static int MaskOf(GenerativeTokenizer tokenizer) => tokenizer.MaskId ?? throw new ArgumentException(
        "The tokenizer has no token that masks others, such as [MASK] or <mask>: "
        + $"{nameof(GenerativeTokenizers)}.{nameof(GenerativeTokenizers.TrainWordPiece)} makes one that has.");

    /// <summary>Masks a text in place, and counts the tokens to predict.</summary>
    /// <param name="ids">The text; afterwards what the model sees.</param>
    /// <param name="targets">Receives the tokens to predict, and <see cref="LanguageModelNetwork.NoTarget"/> elsewhere.</param>
    /// <param name="random">Random numbers of the text.</param>
    public int Apply(Span<int> ids, Span<long> targets, RowRandom random)
    {
        targets.Fill(LanguageModelNetwork.NoTarget);
        int count = 0;
        for (int start = 0; start < ids.Length;)
        {
            int end = start + 1;
            if (_isText[ids[start]])
            {
                while (_continues is not null && end < ids.Length && _isText[ids[end]] && _continues[ids[end]])
                    end++;
                if (random.NextDouble() < _probability)
                {
                    for (int i = start; i < end; i++)
                    {
                        targets[i] = ids[i];
                        double choice = random.NextDouble();
                        if (choice < MaskedPart)
                            ids[i] = _mask;
                        else if (choice < MaskedOrReplacedPart)
                            ids[i] = _texts[random.Next(_texts.Length)];
                        count++;
                    }
                }
            }

            start = end;
        }

        return count;
    }

    // For each token, whether it continues the word of the token before it.
    private static bool[] FindContinuations(GenerativeTokenizer tokenizer)
    {
        string[] tokens = [.. Enumerable.Range(0, tokenizer.VocabularySize).Select(id => tokenizer.TokenOf(id) ?? "")];
        if (tokens.Any(token => IsPiece(token)))
            return Array.ConvertAll(tokens, IsPiece);
        if (tokens.Any(BeginsWord))
            return Array.ConvertAll(tokens, token => token.Length > 0 && !BeginsWord(token) && IsLetter(token[0]));
        throw new ArgumentException(
            $"{nameof(MaskedLanguageModelOptions.WholeWords)} is true, but the tokenizer does not tell where words begin: expected one of "
            + "WordPiece (##), byte pairs or SentencePiece.", nameof(tokenizer));

        static bool IsPiece(string token) =>
            token.Length > WordPieceFile.Continuation.Length && token.StartsWith(WordPieceFile.Continuation, StringComparison.Ordinal);

        static bool BeginsWord(string token) => token.Length > 0 && (token[0] is ByteLevelSpace or SentencePieceSpace);

        // The characters that stand for bytes of letters beyond ASCII are letters or marks themselves.
        static bool IsLetter(char first) => char.IsLetterOrDigit(first) || first > '\u007f'
            || CharUnicodeInfo.GetUnicodeCategory(first) == UnicodeCategory.NonSpacingMark;
    }
}
