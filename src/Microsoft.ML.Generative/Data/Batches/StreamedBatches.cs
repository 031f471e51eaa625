using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.ExceptionServices;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Data.Batches;

/// <summary>
/// Batches out of rows that are read while the training computes, by a thread of its own that is a few batches ahead. Shuffled through a
/// pool; the order of an epoch depends on the seed, the epoch's number and the pool's size.
/// </summary>
internal sealed class StreamedBatches : IBatchSource, IDisposable
{
    /// <summary>Batches that may be ready before they are asked for.</summary>
    public const int BatchesAhead = 3;

    private readonly IHost _host;
    private readonly IDataView _data;
    private readonly IReadOnlyList<TensorColumn> _columns;
    private readonly long _count;
    private readonly int _batchSize;
    private readonly long? _shuffleSeed;
    private readonly int _poolRows;
    private readonly torch.Device _device;
    private readonly CancellationToken _cancellation;
    private Reader? _reader;

    // One for all epochs: memory that one thread frees and the next allocates again may come from elsewhere, and the process grows.
    private RowPool? _pool;

    public StreamedBatches(
        IHost host, IDataView data, IReadOnlyList<TensorColumn> columns, long count, int batchSize, long? shuffleSeed, int poolRows,
        torch.Device device, string fingerprint, CancellationToken cancellation)
    {
        _host = host;
        _data = data;
        _columns = columns;
        _count = count;
        _batchSize = batchSize;
        _shuffleSeed = shuffleSeed;
        _poolRows = poolRows;
        _device = device;
        _cancellation = cancellation;
        Fingerprint = shuffleSeed is null
            ? fingerprint
            : string.Create(CultureInfo.InvariantCulture, $"{fingerprint}; shuffled in a pool of {poolRows} rows");
    }

    public long BatchesPerEpoch => (_count + _batchSize - 1) / _batchSize;

    public string Fingerprint { get; }

    public void StartEpoch(int epoch, long skipBatches = 0)
    {
        _reader?.Dispose();
        _reader = new Reader(this, _shuffleSeed is { } seed ? SeedSequence.Derive(seed, epoch) : null, skipBatches);
    }

    public TensorBatch Next()
    {
        torch.Tensor[] rows = (_reader ?? throw new InvalidOperationException("No epoch has been started.")).Take();
        int size = (int)rows[0].size(0);
        var columns = new torch.Tensor[rows.Length];
        for (int i = 0; i < rows.Length; i++)
        {
            // A view of its own, which belongs to the caller's scope.
            using torch.Tensor row = rows[i];
            columns[i] = _columns[i].ToNetworkInput(row.view(row.shape), _device);
        }

        return new TensorBatch(size, columns);
    }

    public int Skip()
    {
        torch.Tensor[] rows = (_reader ?? throw new InvalidOperationException("No epoch has been started.")).Take();
        int size = (int)rows[0].size(0);
        DisposeAll(rows);
        return size;
    }

    public void Dispose()
    {
        _reader?.Dispose();
        _pool?.Dispose();
    }

    /// <summary>The thread that reads one epoch.</summary>
    private sealed class Reader : IDisposable
    {
        private readonly StreamedBatches _owner;
        private readonly long? _seed;
        private readonly long _skippedRows;
        private readonly BlockingCollection<torch.Tensor[]> _ready = new(BatchesAhead);
        private readonly CancellationTokenSource _stop;
        private readonly Thread _thread;
        private ExceptionDispatchInfo? _failure;

        public Reader(StreamedBatches owner, long? seed, long skipBatches)
        {
            _owner = owner;
            _seed = seed;
            _skippedRows = Math.Min(owner._count, skipBatches * owner._batchSize);
            _stop = CancellationTokenSource.CreateLinkedTokenSource(owner._cancellation);
            _thread = new Thread(Run) { IsBackground = true, Name = "Reading rows" };
            _thread.Start();
        }

        /// <exception cref="InvalidOperationException">
        /// The epoch has no more batches, or the data has changed since it was first read.
        /// </exception>
        public torch.Tensor[] Take()
        {
            if (_ready.TryTake(out torch.Tensor[]? batch, Timeout.Infinite))
                return batch;
            _failure?.Throw();
            throw new InvalidOperationException("The epoch has no more batches.");
        }

        public void Dispose()
        {
            _stop.Cancel();
            _thread.Join();
            while (_ready.TryTake(out torch.Tensor[]? batch))
                DisposeAll(batch);
            _ready.Dispose();
            _stop.Dispose();
        }

        private void Run()
        {
            try
            {
                Read();
            }
            catch (Exception e)
            {
                _failure = ExceptionDispatchInfo.Capture(e);
            }
            finally
            {
                _ready.CompleteAdding();
            }
        }

        private void Read()
        {
            using DataViewRowCursor cursor = OpenCursor();
            RowReader[] readers = [.. _owner._columns.Select(c => c.Open(cursor))];
            using var batches = new BatchFiller(
                _owner._columns, _owner._batchSize, _owner._count - _skippedRows, batch => _ready.Add(batch, _stop.Token));
            long rows = _seed is { } seed ? ReadShuffled(cursor, readers, batches, seed) : ReadInOrder(cursor, readers, batches);
            if (rows != _owner._count)
            {
                throw new InvalidDataException(
                    $"The data had {_owner._count} rows when the training began and now has {rows}: it changed meanwhile.");
            }
        }

        private DataViewRowCursor OpenCursor() => TensorSource.OpenCursor(_owner._data, _owner._columns);

        private long ReadInOrder(DataViewRowCursor cursor, RowReader[] readers, BatchFiller batches)
        {
            long row = 0;
            return TensorSource.ReadRows(_owner._host, cursor, () =>
            {
                if (row++ >= _skippedRows && row <= _owner._count)
                {
                    for (int i = 0; i < readers.Length; i++)
                        readers[i].Read(batches.Row(i));
                    batches.Added();
                }

                return true;
            }, _stop.Token);
        }

        private long ReadShuffled(DataViewRowCursor cursor, RowReader[] readers, BatchFiller batches, long seed)
        {
            RowPool pool = _owner._pool ??= new RowPool(_owner._columns, _owner._poolRows);
            pool.Start(seed);
            var targets = new RowTarget[readers.Length];
            long taken = 0;
            void Take()
            {
                if (taken++ < _skippedRows)
                {
                    pool.Take([]);
                    return;
                }

                batches.Targets(targets);
                pool.Take(targets);
                batches.Added();
            }

            long count = TensorSource.ReadRows(_owner._host, cursor, () =>
            {
                if (pool.IsFull)
                    Take();
                for (int i = 0; i < readers.Length; i++)
                    readers[i].Read(pool.Next(i));
                pool.Added();
                return taken < _owner._count;
            }, _stop.Token);
            while (!pool.IsEmpty && taken < _owner._count)
                Take();
            return count;
        }
    }

    /// <summary>Puts rows into the memory of batches, one after the other.</summary>
    private sealed class BatchFiller(IReadOnlyList<TensorColumn> columns, int batchSize, long rows, Action<torch.Tensor[]> add)
        : IDisposable
    {
        private readonly unsafe byte*[] _start = new byte*[columns.Count];
        private torch.Tensor[]? _batch;
        private long _left = rows;
        private int _size;
        private int _filled;

        public unsafe Span<byte> Row(int column)
        {
            EnsureBatch();
            int bytes = columns[column].RowBytes;
            return new Span<byte>(_start[column] + (long)_filled * bytes, bytes);
        }

        public unsafe void Targets(RowTarget[] targets)
        {
            EnsureBatch();
            for (int i = 0; i < targets.Length; i++)
                targets[i] = new RowTarget(_start[i] + (long)_filled * columns[i].RowBytes, columns[i].RowBytes);
        }

        public void Added()
        {
            if (++_filled < _size)
                return;
            torch.Tensor[] batch = _batch!;
            add(batch);
            _batch = null;
        }

        public void Dispose()
        {
            if (_batch is not null)
                DisposeAll(_batch);
        }

        private unsafe void EnsureBatch()
        {
            if (_batch is not null)
                return;
            _size = (int)Math.Min(batchSize, _left);
            _left -= _size;
            _filled = 0;
            _batch = [.. columns.Select(c => torch.empty([_size, c.Elements], c.Type).DetachFromDisposeScope())];
            for (int i = 0; i < _start.Length; i++)
                _start[i] = TensorMemory.Start(_batch[i]);
        }
    }

    private static void DisposeAll(torch.Tensor[] tensors)
    {
        foreach (torch.Tensor tensor in tensors)
            tensor.Dispose();
    }
}
