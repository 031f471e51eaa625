using Microsoft.ML.Generative.Layers;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>
/// Attention of the rows of a step to keys and values in a cache. The heads of a row that share keys are a piece of work.
/// </summary>
internal abstract unsafe class StepAttention
{
    private readonly TransformerBlockShape _block;
    private readonly StepMemory _memory;
    private readonly SharedWork _work;
    private readonly Action<int, int> _attendPiece;
    private int _layer;

    protected StepAttention(TransformerBlockShape block, StepMemory memory, SharedWork work) =>
        (_block, _memory, _work, _attendPiece) = (block, memory, work, AttendPiece);

    /// <summary>Computes what attention returns for the first rows from their queries.</summary>
    public void Attend(int layer, int rows)
    {
        _layer = layer;
        long multiplications = 0;
        for (int row = 0; row < rows; row++)
            multiplications += 2L * _block.AttendedSize * KeysOf(row).Count;
        _work.Run(rows * _block.KeyValueHeads, multiplications, _attendPiece);
    }

    /// <summary>What a row attends to.</summary>
    protected abstract KeyRange KeysOf(int row);

    /// <summary>Room for the scores of a thread.</summary>
    protected abstract float* ScoresOf(int worker);

    /// <summary>What is added to the scores of a head; or null.</summary>
    protected virtual float* BiasOf(int head, in KeyRange range) => null;

    private void AttendPiece(int piece, int worker)
    {
        (int row, int keyHead) = Math.DivRem(piece, _block.KeyValueHeads);
        int size = _block.HeadSize, group = _block.Heads / _block.KeyValueHeads;
        float* queries = _memory.QueriesKeysValues[row], output = _memory.Attended[row], scores = ScoresOf(worker);
        KeyRange range = KeysOf(row);
        KeyValueCache cache = range.Cache;
        float** pages = cache.PagesOf(range.Stream);
        nint keys = cache.Keys(_layer, keyHead), values = cache.Values(_layer, keyHead);
        for (int head = keyHead * group; head < (keyHead + 1) * group; head++)
        {
            AttentionKernel.Attend(
                queries + head * size, pages, cache.Pages, keys, values, range.First, range.Last, size, scores, output + head * size,
                BiasOf(head, range));
        }
    }

    /// <summary>The positions of a stream of a cache that are attended to.</summary>
    protected readonly record struct KeyRange(KeyValueCache Cache, int Stream, int First, int Last)
    {
        public int Count => Last + 1 - First;
    }
}
