using Microsoft.ML.Generative.Text.Decoding;

namespace Microsoft.ML.Generative.Tests;

/// <summary>A language model that is a function from tokens to logits: what decoding does can be worked out by hand.</summary>
internal sealed class TableModel(int vocabularySize, int contextLength, Func<IReadOnlyList<int>, float[]> next) : IDecodingSession
{
    private List<int>[] _streams = [];

    public int Streams => _streams.Length;

    public int VocabularySize => vocabularySize;

    public int ContextLength => contextLength;

    public IDecodingSession Open(int streams)
    {
        var session = new TableModel(vocabularySize, contextLength, next)
        {
            _streams = [.. Enumerable.Range(0, streams)
            .Select(_ => new List<int>())]
        };
        return session;
    }

    public void Append(ReadOnlySpan<int> streams, ReadOnlySpan<int> tokens, Span<float> logits)
    {
        for (int i = 0; i < streams.Length; i++)
            Prefill(streams[i], [tokens[i]], logits.Slice(i * vocabularySize, vocabularySize));
    }

    public void Prefill(int stream, ReadOnlySpan<int> tokens, Span<float> logits)
    {
        _streams[stream].AddRange(tokens);
        if (_streams[stream].Count > contextLength)
            throw new InvalidOperationException("full");
        next(_streams[stream]).CopyTo(logits);
    }

    public void Copy(int from, int to) => _streams[to] = [.. _streams[from]];

    public void Truncate(int stream, int length)
    {
        if (length < _streams[stream].Count)
            _streams[stream].RemoveRange(length, _streams[stream].Count - length);
    }

    public void Reset(int stream) => _streams[stream].Clear();

    public void Dispose()
    {
    }
}
