using Microsoft.ML.Generative.Layers;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>Attention to the sources of streams, whose keys and values are computed once.</summary>
internal sealed unsafe class SourceAttention : StepAttention, IDisposable
{
    private readonly DecoderShape _shape;
    private readonly DecoderKernels _kernels;
    private readonly StepRows _tokens;
    private readonly StepMemory _memory;
    private readonly SharedWork _work;
    private readonly LayerMatmul _matmul;
    private readonly KernelSources _sources;

    /// <param name="shape">The network's form.</param>
    /// <param name="kernels">The network's layers.</param>
    /// <param name="tokens">The rows.</param>
    /// <param name="memory">The values of the rows.</param>
    /// <param name="work">Who does it.</param>
    /// <param name="matmul">Multiplies with the layers.</param>
    /// <param name="streams">Streams.</param>
    /// <param name="threads">Threads that attend at a time.</param>
    public SourceAttention(
        DecoderShape shape, DecoderKernels kernels, StepRows tokens, StepMemory memory, SharedWork work, LayerMatmul matmul, int streams,
        int threads)
        : base(shape.Block, memory, work)
    {
        (_shape, _kernels, _tokens, _memory, _work, _matmul) = (shape, kernels, tokens, memory, work, matmul);
        _sources = new KernelSources(shape, streams, threads);
    }

    /// <summary>Computes the keys and values of a stream's source in all layers.</summary>
    public void Set(int stream, SourceStates source)
    {
        int width = _shape.Block.EmbeddingSize, keySize = _shape.Block.KeyValueHeads * _shape.Block.HeadSize;
        KeyValueCache cache = _sources.Open(stream, source.Length);
        _work.BeginLong();
        for (int start = 0; start < source.Length; start += DecoderSteps.BlockLength)
        {
            int rows = Math.Min(DecoderSteps.BlockLength, source.Length - start);
            for (int row = 0; row < rows; row++)
            {
                cache.Prepare(0, start + row);
                source.Values.AsSpan((start + row) * width, width).CopyTo(new(_memory.Normed[row], width));
            }

            for (int layer = 0; layer < _shape.Layers; layer++)
            {
                _matmul.Apply(_kernels.Blocks[layer].Cross!.KeysValues, _memory.Normed, _memory.QueriesKeysValues, rows);
                for (int row = 0; row < rows; row++)
                {
                    float* keys = _memory.QueriesKeysValues[row];
                    cache.Store(layer, 0, start + row, keys, keys + keySize);
                }
            }
        }
    }

    /// <summary>Makes a stream attend to the source of another.</summary>
    public void Share(int from, int to) => _sources.Copy(from, to);

    public void Dispose() => _sources.Dispose();

    protected override KeyRange KeysOf(int row)
    {
        int stream = _tokens.StreamOf(row);
        return new(_sources.CacheOf(stream), 0, 0, _sources.LengthOf(stream) - 1);
    }

    protected override float* ScoresOf(int worker) => _sources.Scores(worker);
}
