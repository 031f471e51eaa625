using System.Text;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Tokenization.Models;

/// <summary>The differences between unigram models.</summary>
internal sealed record UnigramSettings
{
    /// <summary>The token of unknown characters, or null.</summary>
    public int? UnknownId { get; init; }

    /// <summary>Unknown characters become the tokens of their bytes, &lt;0x00&gt; to &lt;0xFF&gt;.</summary>
    public bool ByteFallback { get; init; }

    /// <summary>
    /// Probabilities are added as SentencePiece does, which keeps them as 32-bit floats; Hugging Face's tokenizers do not. It decides
    /// between ways that are equally probable but for rounding.
    /// </summary>
    public bool SinglePrecision { get; init; }
}

/// <summary>
/// The most probable way to cut a piece into tokens, each of which has a log-probability. Kudo, "Subword regularization", 2018.
/// </summary>
internal sealed class UnigramModel : TokenModel
{
    // As in SentencePiece: an unknown character is so much worse than the worst token.
    private const double UnknownPenalty = 10;

    private readonly double[] _scores;
    private readonly double _unknownScore;
    private readonly bool _singlePrecision;
    private readonly TokenAutomaton _automaton;
    private readonly int[]? _byteTokens;
    private readonly char? _wordStart;

    /// <param name="pieces">Tokens and log-probabilities in the order of their ids.</param>
    /// <param name="settings">The model's settings.</param>
    /// <param name="controlIds">Tokens that are never the encoding of text: what reads like one of them is ordinary text.</param>
    /// <exception cref="InvalidDataException">A token occurs twice, a score is not finite, or an id is invalid.</exception>
    public UnigramModel(IReadOnlyList<(string Token, double Score)> pieces, UnigramSettings settings, IReadOnlySet<int> controlIds)
        : base(new TokenVocabulary([.. pieces.Select((piece, id) => KeyValuePair.Create(piece.Token, id))]))
    {
        if (settings.UnknownId is { } unknownToken && (uint)unknownToken >= (uint)pieces.Count)
            throw new InvalidDataException($"The unknown token's id is {unknownToken}; the vocabulary has {pieces.Count} tokens.");
        UnknownId = settings.UnknownId;
        _singlePrecision = settings.SinglePrecision;
        _scores = [.. pieces.Select(piece => double.IsFinite(piece.Score)
            ? Rounded(piece.Score)
            : throw new InvalidDataException(
                $"The token {Quoted.Text(piece.Token)} has the score {piece.Score}; expected a finite number."))];
        _unknownScore = Rounded(_scores.DefaultIfEmpty().Min() - UnknownPenalty);

        _byteTokens = settings.ByteFallback ? ByteTokens.Find(Vocabulary) : null;
        var notInText = new HashSet<int>([.. controlIds, .. _byteTokens ?? []]);
        if (UnknownId is { } unknown)
            notInText.Add(unknown);
        _automaton = new TokenAutomaton(
            pieces.Select((piece, id) => (piece.Token, id)).Where(piece => !notInText.Contains(piece.id) && piece.Token.Length > 0));
        _wordStart = WordBoundary.Find(Vocabulary);
    }

    public override int? UnknownId { get; }

    // What rounding does to a word depends on the probability of the words before it.
    protected override int IndependentLength(ReadOnlySpan<char> piece) => _singlePrecision ? piece.Length : WordLength(piece);

    protected override void Tokenize(ReadOnlySpan<char> piece, List<PlacedToken> tokens)
    {
        double score = 0;
        for (int offset = 0, length; offset < piece.Length; offset += length)
        {
            length = WordLength(piece[offset..]);
            score = TokenizeWord(piece.Slice(offset, length), offset, score, tokens);
        }

        ReplaceUnknown(piece, tokens);
    }

    private int WordLength(ReadOnlySpan<char> piece) => _wordStart is { } space ? WordBoundary.Length(piece, space) : piece.Length;

    // Adds the tokens of a word behind those of the words before it, and returns the score of all.
    private double TokenizeWord(ReadOnlySpan<char> piece, int offset, double scoreBefore, List<PlacedToken> tokens)
    {
        // The best way to each place: its score, and the last token with its start. Of equally good ones, that whose last token is longest.
        var best = new (double Score, int Start, int Id)[piece.Length + 1];
        best[0] = (scoreBefore, -1, -1);
        int state = TokenAutomaton.Root;
        for (int start = 0; start < piece.Length;)
        {
            Rune.DecodeFromUtf16(piece[start..], out _, out int characterLength);
            int end = start + characterLength;
            for (int i = start; i < end; i++)
                state = _automaton.Next(state, piece[i]);
            best[end] = (double.NegativeInfinity, -1, -1);
            bool known = false;
            for (int match = _automaton.FirstMatch(state); match != TokenAutomaton.Root; match = _automaton.NextMatch(match))
            {
                int id = _automaton.TokenAt(match), from = end - _automaton.LengthAt(match);
                double score = best[from].Score + _scores[id];
                known |= from == start;
                if (best[end].Start < 0 || score > best[end].Score)
                    best[end] = (Rounded(score), from, id);
            }

            if (!known && Rounded(best[start].Score + _unknownScore) is var unknown && (best[end].Start < 0 || unknown > best[end].Score))
                best[end] = (unknown, start, -1);
            start = end;
        }

        int first = tokens.Count;
        for (int end = piece.Length; end > 0; end = best[end].Start)
            tokens.Add(new PlacedToken(best[end].Id, offset + best[end].Start, offset + end));
        tokens.Reverse(first, tokens.Count - first);
        return best[piece.Length].Score;
    }

    private double Rounded(double score) => _singlePrecision ? (float)score : score;

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
}
