using Microsoft.ML.Generative.Common;
using TorchSharp;

namespace Microsoft.ML.Generative.Data.Batches;

/// <summary>Batches out of rows in memory. The order of an epoch depends on the seed and the epoch's number alone.</summary>
internal sealed class TensorBatches : IBatchSource, IDisposable
{
    private readonly IReadOnlyList<Func<torch.Tensor, torch.Tensor>> _toInputs;
    private readonly Func<torch.Tensor[]> _read;
    private readonly long _count;
    private readonly int _batchSize;
    private readonly long? _shuffleSeed;
    private readonly Func<string> _fingerprint;
    private torch.Tensor[]? _rows;
    private torch.Tensor? _order;
    private long _position;

    /// <param name="toInputs">For each column, what makes the network's input of some of its rows.</param>
    /// <param name="rows">
    /// The columns: [rows, ..]. Called once, when the first of them are wanted: a training that has finished wants none.
    /// </param>
    /// <param name="count">The rows.</param>
    /// <param name="batchSize">Rows in a batch.</param>
    /// <param name="shuffleSeed">The seed of the order, or <see langword="null"/> for the rows' own.</param>
    /// <param name="fingerprint">What identifies the rows.</param>
    public TensorBatches(
        IReadOnlyList<Func<torch.Tensor, torch.Tensor>> toInputs, Func<torch.Tensor[]> rows, long count, int batchSize, long? shuffleSeed,
        Func<string> fingerprint)
    {
        _toInputs = toInputs;
        _read = rows;
        _count = count;
        _batchSize = batchSize;
        _shuffleSeed = shuffleSeed;
        _fingerprint = fingerprint;
    }

    /// <summary>Whether the rows are disposed of with the batches.</summary>
    public bool OwnsRows { get; init; }

    public long BatchesPerEpoch => (_count + _batchSize - 1) / _batchSize;

    public string Fingerprint => _fingerprint();

    public void StartEpoch(int epoch, long skipBatches = 0)
    {
        _rows ??= _read();
        _position = skipBatches * _batchSize;
        if (_shuffleSeed is not { } seed)
            return;

        using var generator = new torch.Generator((ulong)SeedSequence.Derive(seed, epoch));
        _order?.Dispose();
        _order = torch.randperm(_count, generator: generator).DetachFromDisposeScope();
    }

    public TensorBatch Next()
    {
        if (_position >= _count)
            throw new InvalidOperationException("The epoch has no more batches.");

        torch.Tensor[] all = _rows ?? throw new InvalidOperationException("No epoch has been started.");
        long size = Math.Min(_batchSize, _count - _position);
        torch.Tensor? chosen = _order?.narrow(0, _position, size);
        var columns = new torch.Tensor[all.Length];
        for (int i = 0; i < columns.Length; i++)
        {
            torch.Tensor rows = chosen is null ? all[i].narrow(0, _position, size) : all[i].index_select(0, chosen);
            columns[i] = _toInputs[i](rows);
        }

        _position += size;
        return new TensorBatch((int)size, columns);
    }

    public int Skip()
    {
        if (_position >= _count)
            throw new InvalidOperationException("The epoch has no more batches.");
        long size = Math.Min(_batchSize, _count - _position);
        _position += size;
        return (int)size;
    }

    public void Dispose()
    {
        _order?.Dispose();
        foreach (torch.Tensor rows in OwnsRows ? _rows ?? [] : [])
            rows.Dispose();
    }
}
