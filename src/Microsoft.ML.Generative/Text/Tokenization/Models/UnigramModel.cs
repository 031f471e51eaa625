using System.Text;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Tokenization.Models;

/// <summary>
/// The most probable way to cut a piece into tokens, each of which has a log-probability. Kudo, "Subword regularization", 2018.
/// </summary>
internal sealed class UnigramModel : TokenModel
{
    // As in SentencePiece: an unknown character is so much worse than the worst token.
    private const double UnknownPenalty = 10;

    private readonly double[] _scores;
    private readonly double _unknownScore;
    private readonly Dictionary<(int Node, char Character), int> _trie;
    private readonly List<int> _tokenAt = [-1];
    private readonly int[]? _byteTokens;
    private readonly char? _wordStart;

    /// <param name="pieces">Tokens and log-probabilities in the order of their ids.</param>
    /// <param name="unknownId">The token of unknown characters, or null.</param>
    /// <param name="byteFallback">Unknown characters become the tokens of their bytes, &lt;0x00&gt; to &lt;0xFF&gt;.</param>
    /// <param name="controlIds">Tokens that are never the encoding of text: what reads like one of them is ordinary text.</param>
    /// <exception cref="InvalidDataException">A token occurs twice, a score is not finite, or an id is invalid.</exception>
    public UnigramModel(IReadOnlyList<(string Token, double Score)> pieces, int? unknownId, bool byteFallback, IReadOnlySet<int> controlIds)
        : base(new TokenVocabulary([.. pieces.Select((piece, id) => KeyValuePair.Create(piece.Token, id))]))
    {
        if (unknownId is { } unknownToken && (uint)unknownToken >= (uint)pieces.Count)
            throw new InvalidDataException($"The unknown token's id is {unknownToken}; the vocabulary has {pieces.Count} tokens.");
        UnknownId = unknownId;
        _scores = [.. pieces.Select(piece => double.IsFinite(piece.Score)
            ? piece.Score
            : throw new InvalidDataException(
                $"The token {Quoted.Text(piece.Token)} has the score {piece.Score}; expected a finite number."))];
        _unknownScore = _scores.DefaultIfEmpty().Min() - UnknownPenalty;

        _byteTokens = byteFallback ? ByteTokens.Find(Vocabulary) : null;
        var notInText = new HashSet<int>([.. controlIds, .. _byteTokens ?? []]);
        if (UnknownId is { } unknown)
            notInText.Add(unknown);
        _trie = [];
        for (int id = 0; id < pieces.Count; id++)
        {
            if (!notInText.Contains(id))
                AddToTrie(pieces[id].Token, id);
        }

        _wordStart = WordBoundary.Find(Vocabulary);
    }

    public override int? UnknownId { get; }

    protected override int IndependentLength(ReadOnlySpan<char> piece) =>
        _wordStart is { } space ? WordBoundary.Length(piece, space) : piece.Length;

    protected override void Tokenize(ReadOnlySpan<char> piece, List<PlacedToken> tokens)
    {
        // The best way to each place: its score, and the last token with its start.
        var best = new (double Score, int Start, int Id)[piece.Length + 1];
        Array.Fill(best, (double.NegativeInfinity, -1, -1), 1, piece.Length);
        best[0] = (0, -1, -1);
        for (int start = 0; start < piece.Length;)
        {
            Rune.DecodeFromUtf16(piece[start..], out _, out int characterLength);
            double here = best[start].Score;
            bool known = false;
            int node = 0;
            for (int end = start; end < piece.Length && _trie.TryGetValue((node, piece[end]), out node);)
            {
                end++;
                if (_tokenAt[node] is >= 0 and var id)
                {
                    Improve(best, end, (here + _scores[id], start, id));
                    known |= end == start + characterLength;
                }
            }

            if (!known)
                Improve(best, start + characterLength, (here + _unknownScore, start, -1));
            start += characterLength;
        }

        int first = tokens.Count;
        for (int end = piece.Length; end > 0; end = best[end].Start)
            tokens.Add(new PlacedToken(best[end].Id, best[end].Start, end));
        tokens.Reverse(first, tokens.Count - first);
        ReplaceUnknown(piece, tokens);
    }

    private static void Improve((double Score, int Start, int Id)[] best, int end, (double Score, int Start, int Id) way)
    {
        if (best[end].Start < 0 || way.Score > best[end].Score)
            best[end] = way;
    }

    /// <summary>Neighboring unknown characters are one token, unless their bytes have tokens.</summary>
    private void ReplaceUnknown(ReadOnlySpan<char> piece, List<PlacedToken> tokens)
    {
        if (!tokens.Exists(token => token.Id < 0))
            return;

        PlacedToken[] found = [.. tokens];
        tokens.Clear();
        for (int i = 0; i < found.Length; i++)
        {
            PlacedToken token = found[i];
            if (token.Id >= 0)
            {
                tokens.Add(token);
                continue;
            }

            while (i + 1 < found.Length && found[i + 1].Id < 0)
                token = token with { End = found[++i].End };
            ReadOnlySpan<char> text = piece[token.Start..token.End];
            if (_byteTokens is null)
            {
                tokens.Add(token with { Id = UnknownId ?? throw Lacking(text) });
                continue;
            }

            foreach (byte value in Encoding.UTF8.GetBytes(text.ToString()))
                tokens.Add(token with { Id = _byteTokens[value] });
        }
    }

    private void AddToTrie(string token, int id)
    {
        int node = 0;
        foreach (char character in token)
        {
            if (!_trie.TryGetValue((node, character), out int child))
            {
                child = _tokenAt.Count;
                _tokenAt.Add(-1);
                _trie.Add((node, character), child);
            }

            node = child;
        }

        if (token.Length > 0)
            _tokenAt[node] = id;
    }
}
