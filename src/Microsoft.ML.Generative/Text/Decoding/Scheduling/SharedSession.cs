namespace Microsoft.ML.Generative.Text.Decoding.Scheduling;

/// <summary>
/// The session that concurrent texts share: a step appends a token to each, and computes one block of a prompt. One thread at a time uses
/// it.
/// </summary>
/// <param name="places">Streams of the session.</param>
/// <param name="contextLength">Tokens that the model sees at once.</param>
/// <param name="open">Opens a session of a number of streams.</param>
/// <param name="mostBytes">Memory for keys and values at most, but at least what one text needs.</param>
internal sealed class SharedSession(int places, int contextLength, Func<int, IDecodingSession> open, long mostBytes)
{
    // Tokens of a prompt between two steps of the other texts.
    private const int BlockLength = 128;

    private readonly SessionStreams _places = new(places);
    private readonly int[] _streams = new int[places];
    private readonly int[] _tokens = new int[places];
    private readonly List<ScheduledText> _stepping = [];
    private IDecodingSession? _session;
    private float[] _logits = [];

    /// <summary>Tokens of prompts that were computed, without those that were there already.</summary>
    public long ComputedPromptTokens { get; private set; }

    /// <summary>Gives a text a stream, if there is a free one, and memory for what the text may come to need.</summary>
    public bool TryAdmit(ScheduledText text, IReadOnlyList<ScheduledText> running)
    {
        int place = _places.FindFree(text);
        if (place < 0 || !HasMemory(text, running))
            return false;
        _places.Enter(place, text);
        if (text.Stream.Tokens.Count > contextLength)
            text.Slide(contextLength);
        return true;
    }

    /// <summary>Takes the stream from a text; what it holds is kept until others need the memory.</summary>
    public void Leave(ScheduledText text) => _places.Leave(text);

    /// <summary>Computes the next token of all texts whose prompts are complete, and a block of one whose prompt is not.</summary>
    public void Step(IReadOnlyList<ScheduledText> running)
    {
        IDecodingSession session = Open();
        if (_logits.Length == 0)
            _logits = new float[session.VocabularySize];
        _stepping.Clear();
        ScheduledText? prompt = null;
        foreach (ScheduledText text in running)
        {
            if (text.First + contextLength < text.Stream.Tokens.Count)
                text.Slide(contextLength);
            if (text.Held > 0 && text.Missing == 1)
                _stepping.Add(text);
            else
                prompt ??= text;
        }

        MakeRoom(session, _stepping.Count + (prompt?.Missing ?? 0), running.Count);
        if (prompt is not null)
            Prefill(session, prompt, isAlone: running.Count == 1);
        if (_stepping.Count > 0)
            Append(session);
    }

    /// <summary>Releases the memory; a later step opens a session again.</summary>
    public void Close()
    {
        _session?.Dispose();
        _session = null;
        _places.ForgetAll();
    }

    private IDecodingSession Open() => _session ??= open(places);

    // Each text has what it may come to need, so that none has to wait in its middle.
    private bool HasMemory(ScheduledText text, IReadOnlyList<ScheduledText> running)
    {
        if (running.Count == 0)
            return true;
        IDecodingSession session = Open();
        return running.Append(text).Sum(PagesOf) * session.PageBytes <= mostBytes;

        long PagesOf(ScheduledText one) =>
            Math.Min(session.Pages, Math.Min(one.MostTokens, contextLength) / session.PageLength + 1);
    }

    // One block, so that the other texts do not wait for long.
    private void Prefill(IDecodingSession session, ScheduledText text, bool isAlone)
    {
        if (text.Held == 0)
            Begin(session, text);
        int count = isAlone ? text.Missing : Math.Min(BlockLength, text.Missing);
        int[] tokens = [.. text.Stream.Tokens.Skip(text.First + text.Held).Take(count)];
        bool isLast = count == text.Missing;
        session.Prefill(text.Place, tokens, isLast ? _logits.AsSpan(0, session.VocabularySize) : []);
        text.Held += count;
        ComputedPromptTokens += count;
        if (isLast)
            text.Accept(_logits.AsSpan(0, session.VocabularySize));
    }

    // Takes what another stream, or this one before, holds of the text's beginning.
    private void Begin(IDecodingSession session, ScheduledText text)
    {
        (int stream, int tokens) = _places.FindBeginning(text);
        if (tokens > 0 && session.TryShare(stream, text.Place, tokens))
            text.Held = tokens;
        else
            session.Reset(text.Place);
        _places.Forget(text.Place);
    }

    private void Append(IDecodingSession session)
    {
        int vocabulary = session.VocabularySize, count = _stepping.Count;
        if (_logits.Length < count * vocabulary)
            _logits = new float[count * vocabulary];
        for (int i = 0; i < count; i++)
            (_streams[i], _tokens[i]) = (_stepping[i].Place, _stepping[i].Stream.Tokens[^1]);
        session.Append(_streams.AsSpan(0, count), _tokens.AsSpan(0, count), _logits.AsSpan(0, count * vocabulary));
        for (int i = 0; i < count; i++)
        {
            _stepping[i].Held++;
            _stepping[i].Accept(_logits.AsSpan(i * vocabulary, vocabulary));
        }
    }

    // Free streams hold what may be of use until others need the memory.
    private void MakeRoom(IDecodingSession session, int tokens, int running)
    {
        long pages = Math.Min(session.Pages, tokens / session.PageLength + 1) + running;
        while ((session.UsedPages + pages) * session.PageBytes > mostBytes && _places.FindOldestKept() is >= 0 and int oldest)
        {
            session.Reset(oldest);
            _places.Forget(oldest);
        }
    }
}
