using System.Collections.Concurrent;
using System.Text;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Tokenization.Models;

/// <summary>
/// Makes tokens of a piece of text. What pieces become is remembered, since words repeat. May be used from several threads.
/// </summary>
internal abstract class TokenModel
{
    private const int LongestRemembered = 40;
    private const int MostRemembered = 1 << 16;

    private readonly ConcurrentDictionary<string, PlacedToken[]> _known = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, PlacedToken[]>.AlternateLookup<ReadOnlySpan<char>> _bySpan;
    private int _remembered;

    protected TokenModel(TokenVocabulary vocabulary)
    {
        Vocabulary = vocabulary;
        _bySpan = _known.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    public TokenVocabulary Vocabulary { get; }

    /// <summary>The token of text that the vocabulary lacks; null where this is an error.</summary>
    public abstract int? UnknownId { get; }

    /// <summary>Encodes a piece that begins at the offset.</summary>
    /// <exception cref="ArgumentException">The vocabulary lacks a character, and there is no token for that.</exception>
    public void Encode(ReadOnlySpan<char> piece, int offset, TokenSink sink)
    {
        while (!piece.IsEmpty && !sink.IsFull)
        {
            int length = IndependentLength(piece);
            foreach (PlacedToken token in TokensOf(piece[..length]))
                sink.Add(token.Id, offset + token.Start, offset + token.End);
            piece = piece[length..];
            offset += length;
        }
    }

    /// <summary>Adds the piece's tokens, with places that count from its start.</summary>
    protected abstract void Tokenize(ReadOnlySpan<char> piece, List<PlacedToken> tokens);

    /// <summary>The length of a part, at the piece's start, whose tokens do not depend on what follows.</summary>
    protected virtual int IndependentLength(ReadOnlySpan<char> piece) => piece.Length;

    protected static ArgumentException Lacking(ReadOnlySpan<char> text) => new(
        $"The text has {Quoted.Text(text)} "
        + $"(U+{(Rune.DecodeFromUtf16(text, out Rune rune, out _) == System.Buffers.OperationStatus.Done ? rune.Value : 0xFFFD):X4}), "
        + "which the tokenizer's vocabulary lacks, and the tokenizer has no token for unknown text.");

    private PlacedToken[] TokensOf(ReadOnlySpan<char> piece)
    {
        if (piece.Length <= LongestRemembered && _bySpan.TryGetValue(piece, out PlacedToken[]? known))
            return known;

        List<PlacedToken> tokens = [];
        Tokenize(piece, tokens);
        PlacedToken[] made = [.. tokens];
        if (piece.Length <= LongestRemembered && Volatile.Read(ref _remembered) < MostRemembered && _bySpan.TryAdd(piece, made))
            Interlocked.Increment(ref _remembered);
        return made;
    }
}
