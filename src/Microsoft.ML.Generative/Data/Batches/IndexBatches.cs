using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Data.Batches;

/// <summary>Batches of numbered examples, of which a function makes tensors.</summary>
/// <param name="count">The examples.</param>
/// <param name="batchSize">Examples in a batch.</param>
/// <param name="shuffleSeed">The seed of the order, or <see langword="null"/> for the examples' own.</param>
/// <param name="fingerprint">What identifies the examples.</param>
/// <param name="make">Makes a batch of examples, given their numbers.</param>
internal sealed class IndexBatches(
    long count, int batchSize, long? shuffleSeed, Func<string> fingerprint, Func<long[], TensorBatch> make) : IBatchSource
{
    private long[]? _order;
    private long _position;
    private long _batch;

    /// <summary>The fewest examples of a batch: where fewer are left at the end of an epoch, its last batch takes them, too.</summary>
    public int Fewest { get; init; } = 1;

    public long BatchesPerEpoch => Math.Max(1, count / batchSize + (count % batchSize >= Fewest ? 1 : 0));

    public string Fingerprint => fingerprint();

    /// <summary>The epoch of the next batch.</summary>
    public int Epoch { get; private set; }

    public void StartEpoch(int epoch, long skipBatches = 0)
    {
        (Epoch, _batch, _position) = (epoch, skipBatches, skipBatches * batchSize);
        if (shuffleSeed is not { } seed)
            return;
        using var generator = new torch.Generator((ulong)SeedSequence.Derive(seed, epoch));
        using torch.Tensor order = torch.randperm(count, generator: generator);
        _order = TensorMemory.ToArray<long>(order);
    }

    public TensorBatch Next()
    {
        long first = _position;
        long[] chosen = new long[Skip()];
        for (int i = 0; i < chosen.Length; i++)
            chosen[i] = _order?[first + i] ?? first + i;
        return make(chosen);
    }

    public int Skip()
    {
        if (_position >= count)
            throw new InvalidOperationException("The epoch has no more batches.");
        bool isLast = ++_batch == BatchesPerEpoch;
        long examples = isLast ? count - _position : batchSize;
        _position += examples;
        return (int)examples;
    }
}
