using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>
/// Rows of an <see cref="IDataView"/> in memory, one tensor a column in its narrowest type, read in one pass.
/// </summary>
internal sealed class TensorSource : IDisposable
{
    private const int RowsBetweenChecks = 4096;

    private readonly IReadOnlyList<TensorColumn> _columns;
    private readonly torch.Tensor[] _rows;
    private readonly List<TensorBatches> _batches = [];
    private string? _fingerprint;

    private TensorSource(IReadOnlyList<TensorColumn> columns, torch.Tensor[] rows, long count)
    {
        _columns = columns;
        _rows = rows;
        Count = count;
    }

    public long Count { get; }

    /// <summary>The rows of a column as read: [rows, ..row shape flattened], Byte, Float32 or Int64.</summary>
    public torch.Tensor this[int column] => _rows[column];

    /// <summary>The same for the same rows in the same order: their columns, their number and the hash of their values.</summary>
    public string Fingerprint => _fingerprint ??= RowFingerprint.Of(_columns, _rows, Count);

    /// <exception cref="ArgumentException">The data has no rows.</exception>
    /// <exception cref="InvalidDataException">A value cannot be used; the message names its column and row.</exception>
    /// <exception cref="OperationCanceledException">The context or the token was cancelled.</exception>
    public static TensorSource Read(IHost host, IDataView data, IReadOnlyList<TensorColumn> columns, CancellationToken cancellation = default)
    {
        TorchRuntime.EnsureLoaded();
        var buffers = columns.Select(c => new RowBuffer(c, data.GetRowCount())).ToArray();
        try
        {
            using DataViewRowCursor cursor = data.GetRowCursor(columns.Select(c => data.Schema[c.Name]).Distinct());
            RowReader[] readers = [.. columns.Select(c => c.Open(cursor))];
            long count = 0;
            while (cursor.MoveNext())
            {
                if (count++ % RowsBetweenChecks == 0)
                {
                    host.CheckAlive();
                    cancellation.ThrowIfCancellationRequested();
                }

                for (int i = 0; i < readers.Length; i++)
                    readers[i].Read(buffers[i].NextRow());
            }

            if (count == 0)
                throw new ArgumentException("The data is empty: no row to learn from.");
            return new TensorSource(columns, [.. buffers.Select(b => b.Finish())], count);
        }
        catch
        {
            foreach (RowBuffer buffer in buffers)
                buffer.Dispose();
            throw;
        }
    }

    /// <summary>The rows in batches; each epoch in a new order if shuffled, the last batch of an epoch with the rows that are left.</summary>
    public IBatchSource Batches(int batchSize, bool shuffle, long seed, torch.Device device)
    {
        var batches = new TensorBatches(
            [.. _columns.Select(c => (Func<torch.Tensor, torch.Tensor>)(rows => c.ToNetworkInput(rows, device)))],
            _rows, Count, batchSize, shuffle ? seed : null, () => Fingerprint);
        _batches.Add(batches);
        return batches;
    }

    public void Dispose()
    {
        foreach (TensorBatches batches in _batches)
            batches.Dispose();
        foreach (torch.Tensor rows in _rows)
            rows.Dispose();
    }
}
