using System.Globalization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.Tokenization.Formats;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Text.Encoders;

/// <summary>
/// Chooses the tokens that a model is to predict, as <see cref="MaskingKind"/> says. Special tokens are never chosen.
/// </summary>
internal sealed class TokenMasking
{
    private const double MaskedPart = 0.8;
    private const double MaskedOrReplacedPart = 0.9;

    // What words begin with in byte-level and SentencePiece vocabularies.
    private const char ByteLevelSpace = '\u0120';
    private const char SentencePieceSpace = '\u2581';

    private readonly int _mask;
    private readonly MaskingKind _kind;
    private readonly double _probability;
    private readonly bool[] _isText;
    private readonly bool[]? _continues;
    private readonly int[] _texts;

    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="kind">How they are chosen, and what becomes of them.</param>
    /// <param name="probability">The part of the tokens that is chosen; of <see cref="MaskingKind.Bert"/>.</param>
    /// <param name="wholeWords">Whether all tokens of a word are chosen together.</param>
    /// <exception cref="ArgumentException">The tokenizer has no mask, or does not tell where words begin.</exception>
    public TokenMasking(GenerativeTokenizer tokenizer, MaskingKind kind, double probability, bool wholeWords)
    {
        _kind = kind;
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

    /// <summary>Masks a text in place.</summary>
    /// <param name="ids">The text; afterwards what the model sees.</param>
    /// <param name="targets">Receives the tokens to predict, and <see cref="LanguageModelNetwork.NoTarget"/> elsewhere.</param>
    /// <param name="random">Random numbers of the text.</param>
    public MaskedText Apply(Span<int> ids, Span<long> targets, RowRandom random)
    {
        targets.Fill(LanguageModelNetwork.NoTarget);
        List<(int Start, int End)> words = WordsOf(ids);
        if (_kind == MaskingKind.Bert)
        {
            int count = 0;
            foreach ((int start, int end) in words)
            {
                if (random.NextDouble() >= _probability)
                    continue;
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

            return new MaskedText(count, Weight: 1);
        }

        if (words.Count == 0)
            return new MaskedText(0, Weight: 0);
        int masked = 1 + random.Next(words.Count), left = masked;
        for (int word = 0; word < words.Count; word++)
        {
            // Selection sampling: all sets of this size are as likely (Knuth, volume 2, algorithm 3.4.2S).
            if (random.NextDouble() * (words.Count - word) >= left)
                continue;
            left--;
            for (int i = words[word].Start; i < words[word].End; i++)
                (targets[i], ids[i]) = (ids[i], _mask);
        }

        return new MaskedText(words.Sum(word => word.End - word.Start), (double)words.Count / masked);
    }

    // What is masked together: words, or single tokens.
    private List<(int Start, int End)> WordsOf(ReadOnlySpan<int> ids)
    {
        List<(int Start, int End)> words = [];
        for (int start = 0, end; start < ids.Length; start = end)
        {
            end = start + 1;
            if (!_isText[ids[start]])
                continue;
            while (_continues is not null && end < ids.Length && _isText[ids[end]] && _continues[ids[end]])
                end++;
            words.Add((start, end));
        }

        return words;
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
