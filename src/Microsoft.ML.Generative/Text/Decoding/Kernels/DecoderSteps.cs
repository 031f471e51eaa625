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

    private readonly DecoderShape _shape;
    private readonly TransformerBlockShape _block;
    private readonly DecoderKernels _kernels;
    private readonly RotaryKernel? _rotary;
    private readonly DistanceBias? _bias;
    private readonly StepRows _tokens;
    private readonly StepMemory _memory;
    private readonly SharedWork _work;
    private readonly LayerMatmul _matmul;
    private readonly TokenAttention _attention;
    private readonly SourceAttention? _sources;

    // What is done for each row alone.
    private readonly Action<int> _normalizeForAttention;
    private readonly Action<int> _rotateAndScale;
    private readonly Action<int> _normalizeForSource;
    private readonly Action<int> _scale;
    private readonly Action<int> _normalizeForFeedForward;
    private readonly Action<int> _activate;
    private int _layer;

    /// <inheritdoc cref="KernelDecodingSession(DecoderStack, int, int, int)"/>
    public DecoderSteps(DecoderStack network, int streams, int contextLength, int threads)
    {
        (_shape, _block) = (network.Shape, network.Shape.Block);
        _tokens = new StepRows(Math.Max(BlockLength, streams));
        _work = new SharedWork(threads, kinds: _tokens.Capacity + 1);
        if (_shape.Rotary is { } rotary)
            _rotary = new RotaryKernel(rotary);

        _kernels = new DecoderKernels(network);
        try
        {
            Cache = new KeyValueCache(_shape, streams, contextLength, BlockLength);
            if (network.Relative is { } relative)
                _bias = new DistanceBias(relative, _block.Heads, contextLength);
            _memory = new StepMemory(_block, _kernels, _tokens.Capacity, threads, scores: Cache.Pages * KeyValueCache.PageLength);
            _matmul = new LayerMatmul(_memory, _work);
            _attention = new TokenAttention(_block, _tokens, Cache, _bias, _memory, _work);
            if (_block.HasCrossAttention)
                _sources = new SourceAttention(_shape, _kernels, _tokens, _memory, _work, _matmul, streams, threads);
        }
        catch
        {
            _memory?.Dispose();
            _bias?.Dispose();
            Cache?.Dispose();
            _kernels.Dispose();
            throw;
        }

        _normalizeForAttention = row => Block.AttentionNorm.Apply(_memory.X[row], _memory.Normed[row]);
        _rotateAndScale = RotateAndScale;
        _normalizeForSource = row => Block.Cross!.Norm.Apply(_memory.X[row], _memory.Normed[row]);
        _scale = Scale;
        _normalizeForFeedForward = row => Block.FeedForwardNorm.Apply(_memory.X[row], _memory.Normed[row]);
        _activate = row => ActivationKernel.Apply(_block.FeedForward, _memory.Hidden[row], _memory.Active[row], _block.FeedForwardSize);
    }

    /// <summary>Keys and values of the streams.</summary>
    public KeyValueCache Cache { get; }

    private ref readonly TransformerBlockKernels Block => ref _kernels.Blocks[_layer];

    /// <summary>Sets the token of a row, and where it goes.</summary>
    public void Set(int row, int stream, int token, int position) => _tokens.Set(row, stream, token, position);

    /// <inheritdoc cref="SharedWork.Begin"/>
    public long Begin(int kind) => _work.Begin(kind);

    /// <inheritdoc cref="SharedWork.End"/>
    public void End(int kind, long begun, double size = 1) => _work.End(kind, begun, size);

    /// <summary>Computes the output of the last block for the first rows, and puts their keys and values into the cache.</summary>
    public void Forward(int rows)
    {
        for (int row = 0; row < rows; row++)
        {
            Cache.Prepare(_tokens.StreamOf(row), _tokens.PositionOf(row));
            Embed(row);
        }

        for (_layer = 0; _layer < _shape.Layers; _layer++)
        {
            // x += Attention(Norm(x))
            _work.ForRows(rows, _normalizeForAttention);
            _matmul.Apply(Block.QueriesKeysValues, _memory.Normed, _memory.QueriesKeysValues, rows);
            _work.ForRows(rows, _rotateAndScale);
            _attention.Store(_layer, rows);
            _attention.Attend(_layer, rows);
            _matmul.Apply(Block.AttentionOut, _memory.Attended, _memory.X, rows, isAdded: true);

            // x += Attention(Norm(x), source)
            if (Block.Cross is { } cross)
            {
                _work.ForRows(rows, _normalizeForSource);
                _matmul.Apply(cross.Queries, _memory.Normed, _memory.QueriesKeysValues, rows);
                _work.ForRows(rows, _scale);
                _sources!.Attend(_layer, rows);
                _matmul.Apply(cross.Output, _memory.Attended, _memory.X, rows, isAdded: true);
            }

            // x += FeedForward(Norm(x))
            _work.ForRows(rows, _normalizeForFeedForward);
            _matmul.Apply(Block.FeedForwardIn, _memory.Normed, _memory.Hidden, rows);
            _work.ForRows(rows, _activate);
            _matmul.Apply(Block.FeedForwardOut, _memory.Active, _memory.X, rows, isAdded: true);
        }
    }

    /// <summary>Writes the logits after some rows, [rows, vocabulary].</summary>
    public void WriteLogits(int first, int rows, Span<float> logits)
    {
        for (int row = 0; row < rows; row++)
        {
            float* normed = _memory.Normed[row];
            _kernels.Normalization.Apply(_memory.X[first + row], normed);
            if (_shape.HeadScale != 1)
                TensorPrimitives.Multiply(new(normed, _block.EmbeddingSize), (float)_shape.HeadScale, new(normed, _block.EmbeddingSize));
        }

        fixed (float* start = logits)
            _matmul.Apply(_kernels.Head, _memory.Normed, new FloatRows(start, _shape.VocabularySize), rows);
    }

    /// <summary>Computes keys and values of what a stream attends to beside its tokens.</summary>
    /// <exception cref="NotSupportedException">The network has no attention to a source.</exception>
    public void SetSource(int stream, SourceStates source)
    {
        if (_sources is null)
            throw new NotSupportedException("The model has no encoder.");
        _sources.Set(stream, source);
    }

    /// <summary>Makes a stream attend to the source of another.</summary>
    public void ShareSource(int from, int to) => _sources?.Share(from, to);

    public void Dispose()
    {
        _work.Dispose();
        _sources?.Dispose();
        _memory.Dispose();
        _bias?.Dispose();
        Cache.Dispose();
        _kernels.Dispose();
    }

    // The token's embedding, with the position's if there is one, and the angles of its rotation.
    private void Embed(int row)
    {
        (int token, int position) = (_tokens.TokenOf(row), _tokens.PositionOf(row));
        float* x = _memory.X[row];
        _kernels.Tokens.ReadRow(token, x);
        if (_kernels.Positions is not null)
        {
            int width = _block.EmbeddingSize;
            float* embedding = _kernels.Positions + (long)position * width;
            for (int i = 0; i < width; i++)
                x[i] += embedding[i];
        }

        _rotary?.Angles(position, _memory.Cosines[row], _memory.Sines[row]);
    }

    // Queries and keys are neighbors.
    private void RotateAndScale(int row)
    {
        _rotary?.Rotate(
            _memory.QueriesKeysValues[row], _block.Heads + _block.KeyValueHeads, _memory.Cosines[row], _memory.Sines[row]);
        Scale(row);
    }

    private void Scale(int row)
    {
        if (!_block.ScalesAttention)
            return;
        float scale = (float)(1 / Math.Sqrt(_block.HeadSize));
        float* queries = _memory.QueriesKeysValues[row];
        for (int i = 0; i < _block.AttendedSize; i++)
            queries[i] *= scale;
    }
}
