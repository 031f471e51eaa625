using System.Text;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Tokenization.Models;

/// <summary>
/// The longest token at each place, from the left; a word for which this fails is unknown as a whole. Schuster, Nakajima,
/// "Japanese and Korean voice search", 2012; as in Devlin et al., "BERT", 2018.
/// </summary>
internal sealed class WordPieceModel : TokenModel
{
    private readonly string _continuationPrefix;
    private readonly int _longestWord;

    /// <exception cref="InvalidDataException">The vocabulary lacks the unknown token.</exception>
    public WordPieceModel(TokenVocabulary vocabulary, string? unknownToken, string continuationPrefix, int longestWord)
        : base(vocabulary)
    {
        _continuationPrefix = continuationPrefix;
        _longestWord = longestWord;
        UnknownId = unknownToken is null ? null : vocabulary.IdOf(unknownToken)
            ?? throw new InvalidDataException($"The vocabulary lacks the unknown token {Quoted.Text(unknownToken)}.");
    }

    public override int? UnknownId { get; }

    protected override void Tokenize(ReadOnlySpan<char> piece, List<PlacedToken> tokens)
    {
        int count = 0;
        foreach (Rune _ in piece.EnumerateRunes())
            count++;
        if (count > _longestWord || !TryCut(piece, tokens))
        {
            tokens.Clear();
            tokens.Add(new PlacedToken(UnknownId ?? throw Lacking(piece), 0, piece.Length));
        }
    }

    private bool TryCut(ReadOnlySpan<char> word, List<PlacedToken> tokens)
    {
        char[] part = new char[_continuationPrefix.Length + word.Length];
        _continuationPrefix.CopyTo(part);
        for (int start = 0; start < word.Length;)
        {
            int prefix = start == 0 ? 0 : _continuationPrefix.Length;
            word[start..].CopyTo(part.AsSpan(prefix));
            int end = word.Length;
            int id = -1;
            while (end > start && !Vocabulary.TryGetId(part.AsSpan(0, prefix + end - start), out id))
                end--;
            if (end == start)
                return false;
            tokens.Add(new PlacedToken(id, start, end));
            start = end;
            _continuationPrefix.CopyTo(part);
        }

        return true;
    }
}
