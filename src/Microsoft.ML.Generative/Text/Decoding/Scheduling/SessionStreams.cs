namespace Microsoft.ML.Generative.Text.Decoding.Scheduling;

/// <summary>The streams of a session: which text gets which, and where the beginning of a prompt has been computed already.</summary>
/// <param name="count">Their number.</param>
internal sealed class SessionStreams(int count)
{
    private readonly SessionStream[] _streams = [.. Enumerable.Range(0, count).Select(_ => new SessionStream())];
    private long _clock;

    /// <summary>
    /// Finds a free stream: the one whose whole content the prompt begins with, the longest first, so that nothing is lost; else the one
    /// that was used longest ago. What another stream holds of the prompt can be shared.
    /// </summary>
    /// <returns>Its number, or -1 where all are taken.</returns>
    public int FindFree(ScheduledText text)
    {
        int longest = -1, oldest = -1;
        for (int i = 0; i < _streams.Length; i++)
        {
            SessionStream stream = _streams[i];
            if (stream.Text is not null)
                continue;
            if (oldest < 0 || stream.LastUse < _streams[oldest].LastUse)
                oldest = i;
            int kept = stream.Kept.Length;
            if ((longest < 0 || kept > _streams[longest].Kept.Length) && stream.CommonLength(text) == kept)
                longest = i;
        }

        return longest >= 0 ? longest : oldest;
    }

    public void Enter(int stream, ScheduledText text)
    {
        _streams[stream].Enter(text);
        text.Place = stream;
    }

    public void Leave(ScheduledText text) => _streams[text.Place].Leave(++_clock);

    /// <summary>Finds the stream that holds most of the beginning of a text that is about to be computed.</summary>
    /// <returns>Its number, and how many tokens. The last token is not among them: its logits are needed.</returns>
    public (int Stream, int Tokens) FindBeginning(ScheduledText text)
    {
        int best = text.Place, most = OwnLength(text);
        for (int i = 0; i < _streams.Length && text.First == 0; i++)
        {
            int common = i == text.Place ? 0 : _streams[i].CommonLength(text);
            if (common > most)
                (best, most) = (i, common);
        }

        return (best, Math.Min(most, text.Stream.Tokens.Count - 1));
    }

    /// <summary>The stream's text has begun: what was kept is its own now, or gone.</summary>
    public void Forget(int stream) => _streams[stream].Forget();

    /// <summary>Nothing is held any more.</summary>
    public void ForgetAll()
    {
        foreach (SessionStream stream in _streams)
            stream.Forget();
    }

    /// <summary>The free stream that was used longest ago and still holds something; -1: none.</summary>
    public int FindOldestKept()
    {
        int oldest = -1;
        for (int i = 0; i < _streams.Length; i++)
        {
            if (_streams[i].IsKept && (oldest < 0 || _streams[i].LastUse < _streams[oldest].LastUse))
                oldest = i;
        }

        return oldest;
    }

    // What the stream holds of the text before, until its new text begins.
    private int OwnLength(ScheduledText text) =>
        text.First > 0 ? 0 : SessionStream.CommonLength(_streams[text.Place].Kept, text.Stream.Tokens);
}
