using Microsoft.ML.Generative.Layers;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>
/// Decoding on the CPU, one step of a few microseconds as one call. A stream's logits are the same to the bit whatever other streams are
/// appended to with it, whether its tokens come one by one or many at once, and with any number of threads.
/// </summary>
internal sealed class KernelDecodingSession : IDecodingSession
{
    // A kind of step besides those of so many streams.
    private const int Block = 0;

    private readonly DecoderSteps _steps;
    private readonly int[] _lengths;

    // Where pages are used in a ring, a stream that has been longer has lost its beginning.
    private readonly int[] _reached;
    private readonly bool[] _isNamed;
    private bool _isDisposed;

    /// <param name="network">The network: its parameters have to be floats in the CPU's memory.</param>
    /// <param name="streams">Streams, at least 1.</param>
    /// <param name="contextLength">Tokens that a stream can hold, at most those of the network.</param>
    /// <param name="threads">
    /// Threads, the caller's included, at most: those beyond it begin when there is a product large enough to be shared, and rest where
    /// sharing takes longer.
    /// </param>
    /// <exception cref="NotSupportedException">
    /// A layer has an adapter, or a weight in a form, that kernels do not know; the message names it.
    /// </exception>
    /// <exception cref="ArgumentException">The network is elsewhere or of another type; the message names the parameter.</exception>
    /// <exception cref="OutOfMemoryException">There is not enough memory for all streams.</exception>
    public KernelDecodingSession(DecoderStack network, int streams, int contextLength, int threads = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(streams, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(contextLength, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(contextLength, network.Shape.ContextLength);
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        (VocabularySize, ContextLength) = (network.Shape.VocabularySize, contextLength);
        (_lengths, _reached, _isNamed) = (new int[streams], new int[streams], new bool[streams]);
        _steps = new DecoderSteps(network, streams, contextLength, threads);
    }

    public int Streams => _lengths.Length;

    public int VocabularySize { get; }

    public int ContextLength { get; }

    public bool IsExact => true;

    public int Pages => _steps.Cache.Pages;

    public int UsedPages => _steps.Cache.UsedPages;

    public long PageBytes => _steps.Cache.PageBytes;

    public int PageLength => KeyValueCache.PageLength;

    /// <summary>Whether the kernels know all layers of a network, and its parameters are floats in the CPU's memory.</summary>
    public static bool CanDecode(DecoderStack network) => DecoderKernels.CanRead(network);

    public void Append(ReadOnlySpan<int> streams, ReadOnlySpan<int> tokens, Span<float> logits)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (tokens.Length != streams.Length)
            throw new ArgumentException($"{tokens.Length} tokens are given for {streams.Length} streams.", nameof(tokens));
        CheckLogits(logits, streams.Length);
        CheckTokens(tokens);
        CheckStreams(streams);
        if (streams.IsEmpty)
            return;

        for (int row = 0; row < streams.Length; row++)
            _steps.Set(row, streams[row], tokens[row], _lengths[streams[row]]);
        long begun = _steps.Begin(streams.Length);
        _steps.Forward(streams.Length);
        _steps.WriteLogits(0, streams.Length, logits);
        _steps.End(streams.Length, begun);
        foreach (int stream in streams)
            Grow(stream, 1);
        GC.KeepAlive(this);
    }

    public void Prefill(int stream, ReadOnlySpan<int> tokens, Span<float> logits)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (tokens.IsEmpty)
            throw new ArgumentException("No tokens are given, and only they have logits.", nameof(tokens));
        if (!logits.IsEmpty)
            CheckLogits(logits, 1);
        CheckTokens(tokens);
        CheckRoom(stream, tokens.Length);

        int rows = 0;
        for (int start = 0; start < tokens.Length; start += rows)
        {
            rows = Math.Min(DecoderSteps.BlockLength, tokens.Length - start);
            for (int row = 0; row < rows; row++)
                _steps.Set(row, stream, tokens[start + row], _lengths[stream] + start + row);
            long begun = _steps.Begin(Block);
            _steps.Forward(rows);
            // Of a few rows, the time says little of the others.
            if (rows >= DecoderSteps.BlockLength / 4)
                _steps.End(Block, begun, (double)rows / DecoderSteps.BlockLength);
        }

        if (!logits.IsEmpty)
            _steps.WriteLogits(rows - 1, 1, logits);
        Grow(stream, tokens.Length);
        GC.KeepAlive(this);
    }

    public void Extend(int stream, ReadOnlySpan<int> tokens, Span<float> logits)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokens.Length, DecoderSteps.BlockLength, nameof(tokens));
        CheckLogits(logits, tokens.Length);
        CheckTokens(tokens);
        CheckRoom(stream, tokens.Length);
        if (tokens.IsEmpty)
            return;
        for (int row = 0; row < tokens.Length; row++)
            _steps.Set(row, stream, tokens[row], _lengths[stream] + row);
        long begun = _steps.Begin(tokens.Length);
        _steps.Forward(tokens.Length);
        _steps.WriteLogits(0, tokens.Length, logits);
        _steps.End(tokens.Length, begun);
        Grow(stream, tokens.Length);
        GC.KeepAlive(this);
    }

    // What was put into the cache stays there until it is overwritten, and nobody looks at it: where a window limits the cache, it has
    // room for a block more.
    public void Truncate(int stream, int length)
    {
        CheckStream(stream);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        _lengths[stream] = Math.Min(length, _lengths[stream]);
    }

    public void SetSource(int stream, SourceStates source)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        CheckStream(stream);
        _steps.SetSource(stream, source);
        GC.KeepAlive(this);
    }

    public void Copy(int from, int to)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        CheckStream(from);
        CheckStream(to);
        if (from == to)
            return;
        _steps.Cache.Share(from, to, _lengths[from]);
        _steps.ShareSource(from, to);
        (_lengths[to], _reached[to]) = (_lengths[from], _reached[from]);
    }

    public bool TryShare(int from, int to, int length)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        CheckStream(from);
        CheckStream(to);
        if (length > _lengths[from] || !_steps.Cache.HasBeginning(_reached[from]))
            return false;
        if (from != to)
        {
            _steps.Cache.Share(from, to, length);
            _steps.ShareSource(from, to);
            _reached[to] = length;
        }

        _lengths[to] = length;
        return true;
    }

    public void Reset(int stream)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        CheckStream(stream);
        _steps.Cache.Release(stream);
        _lengths[stream] = _reached[stream] = 0;
    }

    public void Dispose()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        _steps.Dispose();
    }

    private void Grow(int stream, int tokens)
    {
        _lengths[stream] += tokens;
        _reached[stream] = Math.Max(_reached[stream], _lengths[stream]);
    }

    private void CheckStreams(ReadOnlySpan<int> streams)
    {
        foreach (int stream in streams)
            CheckRoom(stream, 1);
        int seen = 0;
        while (seen < streams.Length && !_isNamed[streams[seen]])
            _isNamed[streams[seen++]] = true;
        foreach (int stream in streams[..seen])
            _isNamed[stream] = false;
        if (seen < streams.Length)
            throw new ArgumentException($"Stream {streams[seen]} is named twice.", nameof(streams));
    }

    private void CheckRoom(int stream, int tokens)
    {
        CheckStream(stream);
        if (_lengths[stream] + tokens > ContextLength)
        {
            throw new InvalidOperationException(
                $"The stream holds {_lengths[stream]} tokens, and {tokens} more do not fit {ContextLength}.");
        }
    }

    private void CheckStream(int stream)
    {
        if ((uint)stream >= (uint)Streams)
            throw new ArgumentOutOfRangeException(nameof(stream), stream, $"There are {Streams} streams, from 0.");
    }

    private void CheckTokens(ReadOnlySpan<int> tokens)
    {
        foreach (int token in tokens)
        {
            if ((uint)token >= (uint)VocabularySize)
                throw new ArgumentOutOfRangeException(nameof(tokens), token, $"The model knows tokens from 0 to {VocabularySize - 1}.");
        }
    }

    private void CheckLogits(Span<float> logits, int rows)
    {
        if (logits.Length < (long)rows * VocabularySize)
            throw new ArgumentException($"{logits.Length} values do not hold {rows} × {VocabularySize} logits.", nameof(logits));
    }
}
