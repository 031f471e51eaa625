using System.Diagnostics;
using Microsoft.ML.Generative.Layers;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>
/// Decoding on the CPU, one step of a few microseconds as one call. A stream's logits are the same to the bit whatever other streams are
/// appended to with it, whether its tokens come one by one or many at once, and with any number of threads.
/// </summary>
internal sealed unsafe class KernelDecodingSession : IDecodingSession
{
    // Prompts are computed in blocks of this number of tokens, which share each reading of the weights.
    private const int BlockLength = 32;

    // A kind of step besides those of a number of streams.
    private const int WholeBlock = 0;

    // Multiplications for which another thread is worth waking, and those of a piece of its work.
    private const long WorthSharing = 1 << 17;
    private const long PieceSize = 1 << 14;

    private readonly DecoderShape _shape;
    private readonly TransformerBlockShape _block;
    private readonly DecoderKernels _kernels;
    private readonly KeyValueCache _cache;
    private readonly RotaryKernel? _rotary;
    private readonly WorkerTeam _team;
    private readonly SharingChoice _choice;
    private readonly FloatBuffer _memory;
    private readonly int[] _lengths;
    private readonly bool[] _isNamed;

    // A step's rows: which token goes where.
    private readonly int[] _rowStreams;
    private readonly int[] _rowTokens;
    private readonly int[] _rowPositions;

    private readonly float* _x;
    private readonly float* _normed;
    private readonly float* _queriesKeysValues;
    private readonly float* _attended;
    private readonly float* _hidden;
    private readonly float* _active;
    private readonly float* _cosines;
    private readonly float* _sines;
    private readonly float* _reduced;
    private readonly float* _unscaled;
    private readonly float* _scores;
    private readonly int _scoresLength;

    // What the threads are at.
    private readonly Action<int, int> _multiplyPiece;
    private readonly Action<int, int> _attendPiece;
    private Product _product;
    private bool _isSharing;
    private int _layer;
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
        _shape = network.Shape;
        TransformerBlockShape block = _block = _shape.Block;
        ContextLength = contextLength;
        _lengths = new int[streams];
        _isNamed = new bool[streams];
        int rows = Math.Max(BlockLength, streams);
        _choice = new SharingChoice(rows + 1);
        (_rowStreams, _rowTokens, _rowPositions) = (new int[rows], new int[rows], new int[rows]);
        (_multiplyPiece, _attendPiece) = (MultiplyPiece, AttendPiece);
        if (_shape.Rotary is { } rotary)
            _rotary = new RotaryKernel(rotary);

        _kernels = new DecoderKernels(network);
        try
        {
            _cache = new KeyValueCache(_shape, streams, contextLength, BlockLength);
            _scoresLength = _cache.Pages * KeyValueCache.PageLength;
            int width = block.EmbeddingSize, half = block.HeadSize / 2;
            long perRow = 2L * Padded(width) + Padded(block.QueryKeyValueSize) + Padded(block.AttendedSize)
                + Padded(block.FeedForwardInSize) + Padded(block.FeedForwardSize) + 2 * Padded(half)
                + Padded(_kernels.MaxRank) + Padded(_kernels.MaxRescaled);
            _memory = new FloatBuffer(checked(perRow * rows + (long)threads * _scoresLength));
            float* free = _memory.Start;
            _x = Take(width, rows);
            _normed = Take(width, rows);
            _queriesKeysValues = Take(block.QueryKeyValueSize, rows);
            _attended = Take(block.AttendedSize, rows);
            _hidden = Take(block.FeedForwardInSize, rows);
            _active = Take(block.FeedForwardSize, rows);
            _cosines = Take(half, rows);
            _sines = Take(half, rows);
            _reduced = Take(_kernels.MaxRank, rows);
            _unscaled = Take(_kernels.MaxRescaled, rows);
            _scores = Take(_scoresLength, threads);

            float* Take(int length, int count)
            {
                float* start = free;
                free += (long)Padded(length) * count;
                return start;
            }
        }
        catch
        {
            _cache?.Dispose();
            _kernels.Dispose();
            throw;
        }

        _team = new WorkerTeam(threads);
    }

    public int Streams => _lengths.Length;

    public int VocabularySize => _shape.VocabularySize;

    public int ContextLength { get; }

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
            (_rowStreams[row], _rowTokens[row], _rowPositions[row]) = (streams[row], tokens[row], _lengths[streams[row]]);
        long begun = Begin(streams.Length);
        Forward(streams.Length);
        fixed (float* start = logits)
            WriteLogits(_x, streams.Length, start);
        End(streams.Length, begun);
        foreach (int stream in streams)
            _lengths[stream]++;
        GC.KeepAlive(this);
    }

    public void Prefill(int stream, ReadOnlySpan<int> tokens, Span<float> logits)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (tokens.IsEmpty)
            throw new ArgumentException("No tokens are given, and only they have logits.", nameof(tokens));
        CheckLogits(logits, 1);
        CheckTokens(tokens);
        CheckRoom(stream, tokens.Length);

        int rows = 0;
        for (int start = 0; start < tokens.Length; start += rows)
        {
            rows = Math.Min(BlockLength, tokens.Length - start);
            for (int row = 0; row < rows; row++)
                (_rowStreams[row], _rowTokens[row], _rowPositions[row]) = (stream, tokens[start + row], _lengths[stream] + start + row);
            long begun = Begin(WholeBlock);
            Forward(rows);
            if (rows == BlockLength)
                End(WholeBlock, begun);
        }

        fixed (float* start = logits)
            WriteLogits(_x + Padded(_block.EmbeddingSize) * (rows - 1), 1, start);
        _lengths[stream] += tokens.Length;
        GC.KeepAlive(this);
    }

    public void Copy(int from, int to)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        CheckStream(from);
        CheckStream(to);
        if (from == to)
            return;
        _cache.Copy(from, to, _lengths[from]);
        _lengths[to] = _lengths[from];
        GC.KeepAlive(this);
    }

    public void Reset(int stream)
    {
        CheckStream(stream);
        _lengths[stream] = 0;
    }

    public void Dispose()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        _team.Dispose();
        _memory.Dispose();
        _cache.Dispose();
        _kernels.Dispose();
    }

    private long Begin(int kind)
    {
        _isSharing = _team.Size > 1 && _choice.IsShared(kind);
        return Stopwatch.GetTimestamp();
    }

    private void End(int kind, long begun)
    {
        if (_team.Size > 1)
            _choice.Add(kind, _isSharing, Stopwatch.GetTimestamp() - begun);
    }

    // Leaves the output of the last block in _x, and keys and values in the cache.
    private void Forward(int rows)
    {
        int size = _block.HeadSize, heads = _block.Heads, keyHeads = _block.KeyValueHeads;
        int width = Padded(_block.EmbeddingSize), all = Padded(_block.QueryKeyValueSize), attended = Padded(heads * size);
        int hiddenIn = Padded(_block.FeedForwardInSize), hidden = Padded(_block.FeedForwardSize), half = Padded(size / 2);
        float scale = (float)(1 / Math.Sqrt(size));
        for (int row = 0; row < rows; row++)
        {
            Embed(row, _x + width * row);
            _rotary?.Angles(_rowPositions[row], _cosines + half * row, _sines + half * row);
        }

        for (_layer = 0; _layer < _shape.Layers; _layer++)
        {
            ref readonly TransformerBlockKernels block = ref _kernels.Blocks[_layer];
            for (int row = 0; row < rows; row++)
                block.AttentionNorm.Apply(_x + width * row, _normed + width * row);
            Multiply(block.QueriesKeysValues, _normed, width, _queriesKeysValues, all, rows);
            for (int row = 0; row < rows; row++)
            {
                float* queries = _queriesKeysValues + all * row, keys = queries + heads * size;
                _rotary?.Rotate(queries, heads + keyHeads, _cosines + half * row, _sines + half * row);
                for (int i = 0; i < heads * size; i++)
                    queries[i] *= scale;
                _cache.Store(_layer, _rowStreams[row], _rowPositions[row], keys, keys + keyHeads * size);
            }

            Attend(rows);
            Multiply(block.AttentionOut, _attended, attended, _x, width, rows, isAdded: true);
            for (int row = 0; row < rows; row++)
                block.FeedForwardNorm.Apply(_x + width * row, _normed + width * row);
            Multiply(block.FeedForwardIn, _normed, width, _hidden, hiddenIn, rows);
            for (int row = 0; row < rows; row++)
                ActivationKernel.Apply(_block.FeedForward, _hidden + hiddenIn * row, _active + hidden * row, _block.FeedForwardSize);
            Multiply(block.FeedForwardOut, _active, hidden, _x, width, rows, isAdded: true);
        }
    }

    private void Embed(int row, float* x)
    {
        int width = _block.EmbeddingSize;
        var target = new Span<float>(x, width);
        new ReadOnlySpan<float>(_kernels.Tokens + (long)_rowTokens[row] * width, width).CopyTo(target);
        if (_kernels.Positions is null)
            return;
        float* position = _kernels.Positions + (long)_rowPositions[row] * width;
        for (int i = 0; i < width; i++)
            x[i] += position[i];
    }

    private void WriteLogits(float* x, int rows, float* logits)
    {
        int width = Padded(_block.EmbeddingSize);
        for (int row = 0; row < rows; row++)
            _kernels.Normalization.Apply(x + width * row, _normed + width * row);
        Multiply(_kernels.Head, _normed, width, logits, VocabularySize, rows);
    }

    private void Multiply(in LayerKernel layer, float* x, int xStride, float* y, int yStride, int rows, bool isAdded = false)
    {
        if (!layer.Rescales)
        {
            Multiply(layer.Linear, x, xStride, y, yStride, rows, isAdded);
            Adapt(layer, x, xStride, y, yStride, rows);
            return;
        }

        // What an adapter rescales must not have been added to something else.
        int outputs = layer.Linear.Outputs, stride = Padded(outputs);
        Multiply(layer.Linear, x, xStride, _unscaled, stride, rows, isAdded: false);
        Adapt(layer, x, xStride, _unscaled, stride, rows);
        for (int row = 0; row < rows; row++)
        {
            Span<float> target = new(y + (long)row * yStride, outputs);
            ReadOnlySpan<float> values = new(_unscaled + (long)row * stride, outputs);
            if (isAdded)
                System.Numerics.Tensors.TensorPrimitives.Add(target, values, target);
            else
                values.CopyTo(target);
        }
    }

    private void Adapt(in LayerKernel layer, float* x, int xStride, float* y, int yStride, int rows)
    {
        foreach (ref readonly LoraKernel adapter in layer.Adapters.AsSpan())
            adapter.Apply(x, xStride, y, yStride, rows, _reduced);
    }

    private void Multiply(in LinearKernel kernel, float* x, int xStride, float* y, int yStride, int rows, bool isAdded)
    {
        long work = (long)kernel.Inputs * rows;
        if (!_isSharing || work * kernel.Outputs < WorthSharing)
        {
            kernel.Apply(x, xStride, y, yStride, rows, 0, kernel.Outputs, isAdded);
            return;
        }

        int outputs = (int)Math.Max(1, PieceSize / (work * LinearKernel.Together)) * LinearKernel.Together;
        _product = new Product
        {
            Kernel = kernel,
            X = x,
            XStride = xStride,
            Y = y,
            YStride = yStride,
            Rows = rows,
            OutputsOfPiece = outputs,
            IsAdded = isAdded,
        };
        _team.Run((kernel.Outputs + outputs - 1) / outputs, _multiplyPiece);
    }

    private void MultiplyPiece(int piece, int worker)
    {
        ref readonly Product p = ref _product;
        int from = piece * p.OutputsOfPiece;
        p.Kernel.Apply(p.X, p.XStride, p.Y, p.YStride, p.Rows, from, Math.Min(from + p.OutputsOfPiece, p.Kernel.Outputs), p.IsAdded);
    }

    private void Attend(int rows)
    {
        long work = 0;
        for (int row = 0; row < rows; row++)
            work += 2L * _block.AttendedSize * (_rowPositions[row] + 1 - FirstSeen(row));
        if (_isSharing && work >= WorthSharing)
        {
            _team.Run(rows * _block.KeyValueHeads, _attendPiece);
            return;
        }

        for (int piece = 0; piece < rows * _block.KeyValueHeads; piece++)
            AttendPiece(piece, 0);
    }

    // The heads of one row that share keys and values.
    private void AttendPiece(int piece, int worker)
    {
        int keyHeads = _block.KeyValueHeads, size = _block.HeadSize, group = _block.Heads / keyHeads;
        (int row, int keyHead) = Math.DivRem(piece, keyHeads);
        float* queries = _queriesKeysValues + Padded(_block.QueryKeyValueSize) * row;
        float* output = _attended + Padded(_block.AttendedSize) * row;
        float* keys = _cache.Keys(_layer, _rowStreams[row], keyHead), values = _cache.Values(_layer, _rowStreams[row], keyHead);
        for (int head = keyHead * group; head < (keyHead + 1) * group; head++)
        {
            AttentionKernel.Attend(
                queries + head * size, keys, values, _cache.Pages, FirstSeen(row), _rowPositions[row], size,
                _scores + (long)Padded(_scoresLength) * worker, output + head * size);
        }
    }

    private int FirstSeen(int row) => _block.Window.First(_rowPositions[row]);

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

    // Rows begin at cache lines.
    private static int Padded(int length) => (length + 15) & ~15;

    private struct Product
    {
        public LinearKernel Kernel;
        public float* X;
        public int XStride;
        public float* Y;
        public int YStride;
        public int Rows;
        public int OutputsOfPiece;
        public bool IsAdded;
    }
}
