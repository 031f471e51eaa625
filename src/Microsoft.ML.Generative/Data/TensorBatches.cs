using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>Batches out of rows in memory. The order of an epoch depends on the seed and the epoch's number alone.</summary>
internal sealed class TensorBatches : IBatchSource, IDisposable
{
    private readonly IReadOnlyList<TensorColumn> _columns;
    private readonly torch.Tensor[] _rows;
    private readonly long _count;
    private readonly int _batchSize;
    private readonly long? _shuffleSeed;
    private readonly torch.Device _device;
    private readonly Func<string> _fingerprint;
    private torch.Tensor? _order;
    private long _position;

    public TensorBatches(
        IReadOnlyList<TensorColumn> columns, torch.Tensor[] rows, long count, int batchSize, long? shuffleSeed, torch.Device device, Func<string> fingerprint)
    {
        _columns = columns;
        _rows = rows;
        _count = count;
        _batchSize = batchSize;
        _shuffleSeed = shuffleSeed;
        _device = device;
        _fingerprint = fingerprint;
    }

    public long BatchesPerEpoch => (_count + _batchSize - 1) / _batchSize;

    public string Fingerprint => _fingerprint();

    public void StartEpoch(int epoch, long skipBatches = 0)
    {
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

        long size = Math.Min(_batchSize, _count - _position);
        torch.Tensor? chosen = _order?.narrow(0, _position, size);
        var columns = new torch.Tensor[_columns.Count];
        for (int i = 0; i < columns.Length; i++)
        {
            torch.Tensor rows = chosen is null ? _rows[i].narrow(0, _position, size) : _rows[i].index_select(0, chosen);
            columns[i] = _columns[i].ToNetworkInput(rows, _device);
        }

        _position += size;
        return new TensorBatch((int)size, columns);
    }

    public void Dispose() => _order?.Dispose();
}
