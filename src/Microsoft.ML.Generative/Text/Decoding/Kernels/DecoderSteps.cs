using System.Diagnostics;
using System.Numerics.Tensors;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Kernels;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>
/// Computes rows, each a token of a stream, through all layers of a network, with several threads where that is faster. A row's results are
/// the same to the bit whatever other rows are computed with it, and with any number of threads.
/// </summary>
internal sealed unsafe class DecoderSteps : IDisposable
{
    /// <summary>Tokens of a prompt that go through together and share each reading of the weights.</summary>
    public const int BlockLength = 128;

    // Multiplications for which another thread is worth waking, and those of a piece of its work.
    private const long WorthSharing = 1 << 17;
    private const long PieceSize = 1 << 14;

    // Rows of a piece of what is done for each row alone.
    private const int RowsOfPiece = 8;

    private readonly DecoderShape _shape;
    private readonly TransformerBlockShape _block;
    private readonly DecoderKernels _kernels;
    private readonly KeyValueCache _cache;
    private readonly RotaryKernel? _rotary;
    private readonly DistanceBias? _bias;
    private readonly KernelSources? _sources;
    private readonly WorkerTeam _team;
    private readonly SharingChoice _choice;
    private readonly FloatBuffer _memory;

    // Which token goes where.
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
    private readonly float* _free;
    private readonly QuantizedRows? _quantized;
    private readonly int _scoresLength;

    // What the threads are at.
    private readonly Action<int, int> _multiplyPiece;
    private readonly Action<int, int> _attendPiece;
    private readonly Action<int, int> _attendSourcePiece;
    private readonly Action<int, int> _rowsPiece;
    private Product _product;
    private RowWork _rowWork;
    private int _rows;
    private bool _isSharing;
    private int _layer;

    /// <inheritdoc cref="KernelDecodingSession(DecoderStack, int, int, int)"/>
    public DecoderSteps(DecoderStack network, int streams, int contextLength, int threads)
    {
        _shape = network.Shape;
        TransformerBlockShape block = _block = _shape.Block;
        int rows = Math.Max(BlockLength, streams);
        _choice = new SharingChoice(rows + 1);
        (_rowStreams, _rowTokens, _rowPositions) = (new int[rows], new int[rows], new int[rows]);
        (_multiplyPiece, _rowsPiece) = (MultiplyPiece, RowsPiece);
        (_attendPiece, _attendSourcePiece) = (AttendPiece, AttendSourcePiece);
        if (_shape.Rotary is { } rotary)
            _rotary = new RotaryKernel(rotary);

        _kernels = new DecoderKernels(network);
        try
        {
            _cache = new KeyValueCache(_shape, streams, contextLength, BlockLength);
            if (network.Relative is { } relative)
                _bias = new DistanceBias(relative, block.Heads, contextLength);
            if (block.HasCrossAttention)
                _sources = new KernelSources(_shape, streams, threads);
            _scoresLength = _cache.Pages * KeyValueCache.PageLength;
            int width = block.EmbeddingSize, half = block.HeadSize / 2;
            long perRow = 2L * Padded(width) + Padded(block.QueryKeyValueSize) + Padded(block.AttendedSize)
                + Padded(block.FeedForwardInSize) + Padded(block.FeedForwardSize) + 2 * Padded(half)
                + Padded(_kernels.MaxRank) + Padded(_kernels.MaxRescaled);
            _memory = new FloatBuffer(checked(perRow * rows + (long)threads * (Padded(_scoresLength) + Padded(_kernels.FreeFloats))));
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
            _free = Take(_kernels.FreeFloats, threads);
            if (_kernels.MaxQuantizedInputs > 0)
                _quantized = new QuantizedRows(rows, _kernels.MaxQuantizedInputs);

            float* Take(int length, int count)
            {
                float* start = free;
                free += (long)Padded(length) * count;
                return start;
            }
        }
        catch
        {
            _memory?.Dispose();
            _sources?.Dispose();
            _bias?.Dispose();
            _cache?.Dispose();
            _kernels.Dispose();
            throw;
        }

        _team = new WorkerTeam(threads);
    }

    /// <summary>Keys and values of the streams.</summary>
    public KeyValueCache Cache => _cache;

    // What is done for each row alone.
    private enum RowWork
    {
        NormalizeForAttention,
        Rotate,
        NormalizeForSource,
        ScaleForSource,
        NormalizeForFeedForward,
        Activate,
    }

    /// <summary>Sets the token of a row, and where it goes.</summary>
    public void Set(int row, int stream, int token, int position) =>
        (_rowStreams[row], _rowTokens[row], _rowPositions[row]) = (stream, token, position);

    /// <summary>Chooses the threads of a step; steps of a kind are of about the same length.</summary>
    /// <returns>When it began.</returns>
    public long Begin(int kind)
    {
        _isSharing = _team.Size > 1 && _choice.IsShared(kind);
        return Stopwatch.GetTimestamp();
    }

    /// <summary>Remembers how long a step took.</summary>
    /// <param name="kind">The step's kind.</param>
    /// <param name="begun">When it began.</param>
    /// <param name="size">Its size beside that of other steps of its kind.</param>
    public void End(int kind, long begun, double size = 1)
    {
        if (_team.Size > 1)
            _choice.Add(kind, _isSharing, (long)((Stopwatch.GetTimestamp() - begun) / size));
    }

    /// <summary>Computes the output of the last block for the first rows, and puts their keys and values into the cache.</summary>
    public void Forward(int rows)
    {
        int size = _block.HeadSize, heads = _block.Heads, keyHeads = _block.KeyValueHeads;
        int width = Padded(_block.EmbeddingSize), all = Padded(_block.QueryKeyValueSize), attended = Padded(heads * size);
        int hiddenIn = Padded(_block.FeedForwardInSize), hidden = Padded(_block.FeedForwardSize), half = Padded(size / 2);
        for (int row = 0; row < rows; row++)
        {
            _cache.Prepare(_rowStreams[row], _rowPositions[row]);
            Embed(row, _x + width * row);
            _rotary?.Angles(_rowPositions[row], _cosines + half * row, _sines + half * row);
        }

        for (_layer = 0; _layer < _shape.Layers; _layer++)
        {
            ref readonly TransformerBlockKernels block = ref _kernels.Blocks[_layer];
            ForRows(RowWork.NormalizeForAttention, rows);
            Multiply(block.QueriesKeysValues, _normed, width, _queriesKeysValues, all, rows);
            ForRows(RowWork.Rotate, rows);
            // One after the other: the first row of a page clears it.
            for (int row = 0; row < rows; row++)
            {
                float* keys = _queriesKeysValues + all * row + heads * size;
                _cache.Store(_layer, _rowStreams[row], _rowPositions[row], keys, keys + keyHeads * size);
            }

            Attend(rows);
            Multiply(block.AttentionOut, _attended, attended, _x, width, rows, isAdded: true);
            if (block.Cross is { } cross)
            {
                ForRows(RowWork.NormalizeForSource, rows);
                Multiply(cross.Queries, _normed, width, _queriesKeysValues, all, rows);
                ForRows(RowWork.ScaleForSource, rows);
                AttendSources(rows);
                Multiply(cross.Output, _attended, attended, _x, width, rows, isAdded: true);
            }

            ForRows(RowWork.NormalizeForFeedForward, rows);
            Multiply(block.FeedForwardIn, _normed, width, _hidden, hiddenIn, rows);
            ForRows(RowWork.Activate, rows);
            Multiply(block.FeedForwardOut, _active, hidden, _x, width, rows, isAdded: true);
        }
    }

    /// <summary>Computes keys and values of what a stream attends to beside its tokens.</summary>
    public void SetSource(int stream, SourceStates source)
    {
        if (_sources is null)
            throw new NotSupportedException("The model has no encoder.");
        int width = Padded(_block.EmbeddingSize), all = Padded(_block.QueryKeyValueSize);
        KeyValueCache cache = _sources.Open(stream, source.Length);
        _isSharing = _team.Size > 1;
        for (int start = 0; start < source.Length; start += BlockLength)
        {
            int rows = Math.Min(BlockLength, source.Length - start);
            for (int row = 0; row < rows; row++)
            {
                cache.Prepare(0, start + row);
                source.Values.AsSpan((start + row) * _block.EmbeddingSize, _block.EmbeddingSize).CopyTo(new(_normed + width * row, width));
            }

            for (int layer = 0; layer < _shape.Layers; layer++)
            {
                Multiply(_kernels.Blocks[layer].Cross!.KeysValues, _normed, width, _queriesKeysValues, all, rows);
                for (int row = 0; row < rows; row++)
                {
                    float* keys = _queriesKeysValues + all * row;
                    cache.Store(layer, 0, start + row, keys, keys + _block.KeyValueHeads * _block.HeadSize);
                }
            }
        }
    }

    /// <summary>Writes the logits after some rows, [rows, vocabulary].</summary>
    public void WriteLogits(int first, int rows, Span<float> logits)
    {
        int width = Padded(_block.EmbeddingSize);
        float* x = _x + width * first;
        for (int row = 0; row < rows; row++)
        {
            float* normed = _normed + width * row;
            _kernels.Normalization.Apply(x + width * row, normed);
            if (_shape.HeadScale != 1)
                TensorPrimitives.Multiply(new(normed, _block.EmbeddingSize), (float)_shape.HeadScale, new(normed, _block.EmbeddingSize));
        }

        fixed (float* start = logits)
            Multiply(_kernels.Head, _normed, width, start, _shape.VocabularySize, rows);
    }

    /// <summary>Makes a stream attend to the source of another.</summary>
    public void ShareSource(int from, int to) => _sources?.Copy(from, to);

    public void Dispose()
    {
        _team.Dispose();
        _quantized?.Dispose();
        _memory.Dispose();
        _sources?.Dispose();
        _bias?.Dispose();
        _cache.Dispose();
        _kernels.Dispose();
    }

    private void Embed(int row, float* x)
    {
        int width = _block.EmbeddingSize;
        _kernels.Tokens.ReadRow(_rowTokens[row], x);
        if (_kernels.Positions is null)
            return;
        float* position = _kernels.Positions + (long)_rowPositions[row] * width;
        for (int i = 0; i < width; i++)
            x[i] += position[i];
    }

    private void ForRows(RowWork work, int rows)
    {
        (_rowWork, _rows) = (work, rows);
        int pieces = (rows + RowsOfPiece - 1) / RowsOfPiece;
        if (_isSharing && pieces > 1)
        {
            _team.Run(pieces, _rowsPiece);
            return;
        }

        for (int piece = 0; piece < pieces; piece++)
            RowsPiece(piece, 0);
    }

    private void RowsPiece(int piece, int worker)
    {
        int width = Padded(_block.EmbeddingSize), last = Math.Min(_rows, (piece + 1) * RowsOfPiece);
        ref readonly TransformerBlockKernels block = ref _kernels.Blocks[_layer];
        for (int row = piece * RowsOfPiece; row < last; row++)
        {
            switch (_rowWork)
            {
                case RowWork.NormalizeForAttention:
                    block.AttentionNorm.Apply(_x + width * row, _normed + width * row);
                    break;
                case RowWork.NormalizeForSource:
                    block.Cross!.Norm.Apply(_x + width * row, _normed + width * row);
                    break;
                case RowWork.ScaleForSource:
                    Scale(row);
                    break;
                case RowWork.NormalizeForFeedForward:
                    block.FeedForwardNorm.Apply(_x + width * row, _normed + width * row);
                    break;
                case RowWork.Rotate:
                    Rotate(row);
                    break;
                default:
                    ActivationKernel.Apply(
                        _block.FeedForward, _hidden + Padded(_block.FeedForwardInSize) * row,
                        _active + Padded(_block.FeedForwardSize) * row,
                        _block.FeedForwardSize);
                    break;
            }
        }
    }

    private void Rotate(int row)
    {
        int half = Padded(_block.HeadSize / 2);
        float* queries = _queriesKeysValues + Padded(_block.QueryKeyValueSize) * row;
        _rotary?.Rotate(queries, _block.Heads + _block.KeyValueHeads, _cosines + half * row, _sines + half * row);
        Scale(row);
    }

    private void Scale(int row)
    {
        if (!_block.ScalesAttention)
            return;
        float scale = (float)(1 / Math.Sqrt(_block.HeadSize));
        float* queries = _queriesKeysValues + Padded(_block.QueryKeyValueSize) * row;
        for (int i = 0; i < _block.AttendedSize; i++)
            queries[i] *= scale;
    }

    private void Multiply(in LayerKernel layer, float* x, int xStride, float* y, int yStride, int rows, bool isAdded = false)
    {
        if (!layer.Rescales)
        {
            Multiply(layer.Weight, x, xStride, y, yStride, rows, isAdded);
            Adapt(layer, x, xStride, y, yStride, rows);
            return;
        }

        // What an adapter rescales must not have been added to something else.
        int outputs = layer.Weight.Outputs, stride = Padded(outputs);
        Multiply(layer.Weight, x, xStride, _unscaled, stride, rows, isAdded: false);
        Adapt(layer, x, xStride, _unscaled, stride, rows);
        for (int row = 0; row < rows; row++)
        {
            Span<float> target = new(y + (long)row * yStride, outputs);
            ReadOnlySpan<float> values = new(_unscaled + (long)row * stride, outputs);
            if (isAdded)
                TensorPrimitives.Add(target, values, target);
            else
                values.CopyTo(target);
        }
    }

    private void Adapt(in LayerKernel layer, float* x, int xStride, float* y, int yStride, int rows)
    {
        foreach (ref readonly LoraKernel adapter in layer.Adapters.AsSpan())
            adapter.Apply(x, xStride, y, yStride, rows, _reduced);
    }

    private void Multiply(WeightKernel kernel, float* x, int xStride, float* y, int yStride, int rows, bool isAdded)
    {
        if (kernel.QuantizesInput)
            _quantized!.Take(x, xStride, rows, kernel.Inputs);
        var input = new KernelInput(x, xStride, _quantized);
        long work = (long)kernel.Inputs * rows;
        if (!_isSharing || work * kernel.Outputs < WorthSharing)
        {
            kernel.Apply(input, y, yStride, rows, 0, kernel.Outputs, isAdded, _free);
            return;
        }

        int outputs = (int)Math.Max(1, PieceSize / (work * kernel.Together)) * kernel.Together;
        _product = new Product
        {
            Kernel = kernel,
            Input = input,
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
        p.Kernel.Apply(
            p.Input, p.Y, p.YStride, p.Rows, from, Math.Min(from + p.OutputsOfPiece, p.Kernel.Outputs), p.IsAdded,
            _free + (long)Padded(_kernels.FreeFloats) * worker);
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
        nint keys = _cache.Keys(_layer, keyHead), values = _cache.Values(_layer, keyHead);
        float** pages = _cache.PagesOf(_rowStreams[row]);
        for (int head = keyHead * group; head < (keyHead + 1) * group; head++)
        {
            AttentionKernel.Attend(
                queries + head * size, pages, _cache.Pages, keys, values, FirstSeen(row), _rowPositions[row], size,
                _scores + (long)Padded(_scoresLength) * worker, output + head * size,
                _bias is null ? null : _bias.Of(head, _rowPositions[row], FirstSeen(row)));
        }
    }

    private void AttendSources(int rows)
    {
        long work = 0;
        for (int row = 0; row < rows; row++)
            work += 2L * _block.AttendedSize * _sources!.LengthOf(_rowStreams[row]);
        if (_isSharing && work >= WorthSharing)
        {
            _team.Run(rows * _block.KeyValueHeads, _attendSourcePiece);
            return;
        }

        for (int piece = 0; piece < rows * _block.KeyValueHeads; piece++)
            AttendSourcePiece(piece, 0);
    }

    private void AttendSourcePiece(int piece, int worker)
    {
        int keyHeads = _block.KeyValueHeads, size = _block.HeadSize, group = _block.Heads / keyHeads;
        (int row, int keyHead) = Math.DivRem(piece, keyHeads);
        float* queries = _queriesKeysValues + Padded(_block.QueryKeyValueSize) * row;
        float* output = _attended + Padded(_block.AttendedSize) * row;
        KeyValueCache cache = _sources!.CacheOf(_rowStreams[row]);
        for (int head = keyHead * group; head < (keyHead + 1) * group; head++)
        {
            AttentionKernel.Attend(
                queries + head * size, cache.PagesOf(0), cache.Pages, cache.Keys(_layer, keyHead), cache.Values(_layer, keyHead), 0,
                _sources.LengthOf(_rowStreams[row]) - 1, size, _sources.Scores(worker), output + head * size);
        }
    }

    private int FirstSeen(int row) => _block.Window.First(_rowPositions[row]);

    // Rows begin at cache lines.
    private static int Padded(int length) => (length + 15) & ~15;

    private struct Product
    {
        public WeightKernel Kernel;
        public KernelInput Input;
        public float* Y;
        public int YStride;
        public int Rows;
        public int OutputsOfPiece;
        public bool IsAdded;
    }
}
