using System.Buffers;
using System.Text;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Tokenization.Models;

/// <summary>The differences between byte pair encodings.</summary>
internal sealed record BytePairSettings
{
    /// <summary>The symbols are bytes, under the names of <see cref="ByteAlphabet"/>.</summary>
    public bool ByteLevel { get; init; }

    public string? UnknownToken { get; init; }

    /// <summary>Neighboring unknown characters become one token.</summary>
    public bool FuseUnknown { get; init; }

    /// <summary>Unknown characters become the tokens of their bytes, &lt;0x00&gt; to &lt;0xFF&gt;.</summary>
    public bool ByteFallback { get; init; }

    /// <summary>A piece that is a token is that token, regardless of the merges.</summary>
    public bool IgnoreMerges { get; init; }

    /// <summary>Precedes every symbol but a piece's first.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>Follows a piece's last symbol.</summary>
    public string Suffix { get; init; } = "";
}

/// <summary>A merge of two neighboring tokens. The lowest rank goes first, and among equals the leftmost.</summary>
internal readonly record struct TokenMerge(string Left, string Right, int Rank);

/// <summary>
/// Byte pair encoding: symbols, of which the neighbors with the lowest rank are merged until no more can be. Sennrich, Haddow,
/// Birch, "Neural machine translation of rare words with subword units", 2016.
/// </summary>
internal sealed class BytePairModel : TokenModel
{
    private readonly BytePairSettings _settings;
    private readonly Dictionary<(int Left, int Right), (int Rank, int Id)> _merges;
    private readonly int[]? _byteTokens;
    private readonly char? _wordStart;

    /// <exception cref="InvalidDataException">A merge or the unknown token is not in the vocabulary.</exception>
    public BytePairModel(TokenVocabulary vocabulary, IReadOnlyCollection<TokenMerge> merges, BytePairSettings settings)
        : base(vocabulary)
    {
        _settings = settings;
        UnknownId = settings.UnknownToken is not { } unknown ? null
            : vocabulary.IdOf(unknown) ?? throw new InvalidDataException($"The vocabulary lacks the unknown token {Quoted.Text(unknown)}.");
        _merges = new(merges.Count);
        foreach (TokenMerge merge in merges)
        {
            if (!merge.Right.StartsWith(settings.Prefix, StringComparison.Ordinal))
                throw new InvalidDataException(
                    $"The merge of {Quoted.Text(merge.Left)} and {Quoted.Text(merge.Right)} lacks the prefix "
                    + $"{Quoted.Text(settings.Prefix)}.");
            string merged = merge.Left + merge.Right[settings.Prefix.Length..];
            // A merge that occurs twice has its last rank, as in Hugging Face's tokenizers.
            _merges[(Known(merge.Left, merge), Known(merge.Right, merge))] = (merge.Rank, Known(merged, merge));
        }

        _byteTokens = settings.ByteFallback ? ByteTokens.Find(vocabulary) : null;
        if (settings is { Prefix: "", Suffix: "", IgnoreMerges: false })
            _wordStart = WordBoundary.Find(vocabulary);
    }

    public override int? UnknownId { get; }

    protected override int IndependentLength(ReadOnlySpan<char> piece) =>
        _wordStart is { } space ? WordBoundary.Length(piece, space) : piece.Length;

    protected override void Tokenize(ReadOnlySpan<char> piece, List<PlacedToken> tokens)
    {
        AddSymbols(piece, tokens);
        if (_settings.IgnoreMerges && Vocabulary.TryGetId(_settings.ByteLevel ? ByteNames(piece) : piece, out int whole))
        {
            tokens.Clear();
            tokens.Add(new PlacedToken(whole, 0, piece.Length));
            return;
        }

        Merge(tokens);
    }

    private static string ByteNames(ReadOnlySpan<char> piece)
    {
        var bytes = new byte[Encoding.UTF8.GetMaxByteCount(piece.Length)];
        return ByteAlphabet.TokenOf(bytes.AsSpan(0, Encoding.UTF8.GetBytes(piece, bytes)));
    }

    private int Known(string token, TokenMerge merge) => Vocabulary.IdOf(token)
        ?? throw new InvalidDataException(
            $"The vocabulary lacks {Quoted.Text(token)}, which the merge of {Quoted.Text(merge.Left)} and {Quoted.Text(merge.Right)} "
            + "needs.");

    private void AddSymbols(ReadOnlySpan<char> piece, List<PlacedToken> tokens)
    {
        Span<byte> bytes = stackalloc byte[4];
        Span<char> symbol = stackalloc char[2];
        int position = 0;
        foreach (Rune rune in piece.EnumerateRunes())
        {
            int end = position + rune.Utf16SequenceLength;
            bool last = end == piece.Length;
            if (_settings.ByteLevel)
            {
                int count = rune.EncodeToUtf8(bytes);
                for (int i = 0; i < count; i++)
                {
                    symbol[0] = ByteAlphabet.CharacterOf(bytes[i]);
                    AddSymbol(symbol[..1], position, end, last && i == count - 1, tokens);
                }
            }
            else
            {
                AddSymbol(symbol[..rune.EncodeToUtf16(symbol)], position, end, last, tokens);
            }

            position = end;
        }
    }

    private void AddSymbol(ReadOnlySpan<char> symbol, int start, int end, bool last, List<PlacedToken> tokens)
    {
        ReadOnlySpan<char> prefix = start > 0 || tokens.Count > 0 ? _settings.Prefix : "";
        ReadOnlySpan<char> suffix = last ? _settings.Suffix : "";
        ReadOnlySpan<char> name = prefix.IsEmpty && suffix.IsEmpty ? symbol : string.Concat(prefix, symbol, suffix);
        if (Vocabulary.TryGetId(name, out int id))
        {
            tokens.Add(new PlacedToken(id, start, end));
        }
        else if (_byteTokens is not null)
        {
            foreach (byte value in Encoding.UTF8.GetBytes(name.ToString()))
                tokens.Add(new PlacedToken(_byteTokens[value], start, end));
        }
        else if (UnknownId is not { } unknown)
        {
            throw Lacking(symbol);
        }
        else if (_settings.FuseUnknown && tokens.Count > 0 && tokens[^1].Id == unknown)
        {
            tokens[^1] = tokens[^1] with { End = end };
        }
        else
        {
            tokens.Add(new PlacedToken(unknown, start, end));
        }
    }

    private void Merge(List<PlacedToken> tokens)
    {
        int count = tokens.Count;
        if (count < 2)
            return;

        int[] links = ArrayPool<int>.Shared.Rent(2 * count);
        try
        {
            // Neighbors still there; a symbol that went into its left neighbor has the id -1.
            Span<int> next = links.AsSpan(0, count);
            Span<int> previous = links.AsSpan(count, count);
            var queue = new PriorityQueue<(int Position, int Id), (int Rank, int Position)>(count);
            for (int i = 0; i < count; i++)
            {
                next[i] = i + 1 < count ? i + 1 : -1;
                previous[i] = i - 1;
                if (i + 1 < count)
                    Enqueue(queue, tokens, i, i + 1);
            }

            while (queue.TryDequeue(out var entry, out _))
            {
                int left = entry.Position;
                int right = next[left];
                // Out of date: one of the two has been merged with another meanwhile.
                if (tokens[left].Id < 0 || right < 0 || !_merges.TryGetValue((tokens[left].Id, tokens[right].Id), out var merge)
                    || merge.Id != entry.Id)
                    continue;

                tokens[left] = new PlacedToken(merge.Id, tokens[left].Start, Math.Max(tokens[left].End, tokens[right].End));
                tokens[right] = tokens[right] with { Id = -1 };
                int after = next[right];
                next[left] = after;
                if (after >= 0)
                {
                    previous[after] = left;
                    Enqueue(queue, tokens, left, after);
                }

                if (previous[left] >= 0)
                    Enqueue(queue, tokens, previous[left], left);
            }
        }
        finally
        {
            ArrayPool<int>.Shared.Return(links);
        }

        tokens.RemoveAll(token => token.Id < 0);
    }

    private void Enqueue(
        PriorityQueue<(int Position, int Id), (int Rank, int Position)> queue, List<PlacedToken> tokens, int left, int right)
    {
        if (_merges.TryGetValue((tokens[left].Id, tokens[right].Id), out var merge))
            queue.Enqueue((left, merge.Id), (merge.Rank, left));
    }
}
