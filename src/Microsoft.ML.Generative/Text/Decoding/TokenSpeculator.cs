namespace Microsoft.ML.Generative.Text.Decoding;

/// <summary>
/// The logits after each token of a text: of tokens that were guessed, the model has computed them with those before. They are the same as
/// one after the other.
/// </summary>
/// <param name="session">The model.</param>
/// <param name="stream">The text's stream.</param>
/// <param name="window">What the stream holds of the text.</param>
/// <param name="draft">Guesses; it belongs to this object.</param>
/// <param name="guesses">Guesses at a time, at most.</param>
internal sealed class TokenSpeculator(IDecodingSession session, int stream, ContextWindow window, IDraft draft, int guesses) : IDisposable
{
    private readonly List<int> _drafts = [];
    private readonly float[] _logits = new float[(guesses + 1) * session.VocabularySize];
    private int _accepted;

    /// <summary>Passes of the model.</summary>
    public int Steps { get; private set; }

    /// <summary>Guesses.</summary>
    public int Drafted { get; private set; }

    /// <summary>Guesses that were right.</summary>
    public int Accepted { get; private set; }

    /// <summary>Writes the logits after the last token, for which the stream has room.</summary>
    /// <param name="tokens">The prompt and the text.</param>
    /// <param name="generated">Tokens of the text.</param>
    /// <param name="logits">[vocabulary].</param>
    public void Next(IReadOnlyList<int> tokens, int generated, Span<float> logits)
    {
        if (_accepted < _drafts.Count && tokens[^1] == _drafts[_accepted])
        {
            _accepted++;
            Accepted++;
            Row(_accepted).CopyTo(logits);
            return;
        }

        Forget();
        int held = tokens.Count - window.First;
        session.Truncate(stream, held - 1);
        draft.Propose(tokens, generated, Math.Min(guesses, session.ContextLength - held), _drafts);
        session.Extend(stream, [tokens[^1], .. _drafts], _logits);
        Steps++;
        Drafted += _drafts.Count;
        Row(0).CopyTo(logits);
    }

    /// <summary>Forgets guesses: the stream holds another part of the text now.</summary>
    public void Forget()
    {
        _drafts.Clear();
        _accepted = 0;
    }

    public void Dispose() => draft.Dispose();

    private Span<float> Row(int row) => _logits.AsSpan(row * session.VocabularySize, session.VocabularySize);
}
