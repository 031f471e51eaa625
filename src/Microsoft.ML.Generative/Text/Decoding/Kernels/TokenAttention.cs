using Microsoft.ML.Generative.Layers;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>Attention to the tokens of a row's own stream, up to the row's own.</summary>
/// <param name="block">The form of the blocks.</param>
/// <param name="tokens">The rows.</param>
/// <param name="cache">The keys and values of all streams.</param>
/// <param name="bias">The bias of relative positions; <see langword="null"/>: there is none.</param>
/// <param name="memory">The values of the rows.</param>
/// <param name="work">Who does it.</param>
internal sealed unsafe class TokenAttention(
    TransformerBlockShape block, StepRows tokens, KeyValueCache cache, DistanceBias? bias, StepMemory memory, SharedWork work)
    : StepAttention(block, memory, work)
{
    private readonly AttentionWindow _window = block.Window;
    private readonly int _heads = block.Heads;
    private readonly int _keyHeads = block.KeyValueHeads;
    private readonly int _headSize = block.HeadSize;
    private readonly StepMemory _memory = memory;

    /// <summary>Puts the keys and values of the first rows into the cache.</summary>
    public void Store(int layer, int rows)
    {
        // One after the other: the first row of a page clears it.
        for (int row = 0; row < rows; row++)
        {
            float* keys = _memory.QueriesKeysValues[row] + _heads * _headSize;
            cache.Store(layer, tokens.StreamOf(row), tokens.PositionOf(row), keys, keys + _keyHeads * _headSize);
        }
    }

    protected override KeyRange KeysOf(int row)
    {
        int position = tokens.PositionOf(row);
        return new(cache, tokens.StreamOf(row), _window.First(position), position);
    }

    protected override float* ScoresOf(int worker) => _memory.Scores[worker];

    protected override float* BiasOf(int head, in KeyRange range) =>
        bias is null ? null : bias.Of(head, range.Last, range.First);
}
