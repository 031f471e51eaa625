using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Data.Batches;

/// <summary>Rows that do not fit into memory: they are read once to be checked and counted, and again in each epoch.</summary>
internal sealed class StreamedTensorSource : TensorSource
{
    private readonly IHost _host;
    private readonly IDataView _data;
    private readonly IReadOnlyList<TensorColumn> _columns;
    private readonly CancellationToken _cancellation;
    private readonly long _rowsInBudget;
    private readonly List<StreamedBatches> _batches = [];

    private StreamedTensorSource(
        IHost host, IDataView data, IReadOnlyList<TensorColumn> columns, long rowsInBudget, long count, string fingerprint,
        CancellationToken cancellation)
    {
        _host = host;
        _data = data;
        _columns = columns;
        _cancellation = cancellation;
        _rowsInBudget = rowsInBudget;
        Count = count;
        Fingerprint = fingerprint;
    }

    public override long Count { get; }

    public override string Fingerprint { get; }

    /// <inheritdoc cref="TensorSource.Read"/>
    public static StreamedTensorSource Scan(
        IHost host, IDataView data, IReadOnlyList<TensorColumn> columns, long rowsInBudget, CancellationToken cancellation)
    {
        using DataViewRowCursor cursor = OpenCursor(data, columns);
        using var fingerprint = new RowFingerprint(columns);
        RowReader[] readers = [.. columns.Select(c => c.Open(cursor))];
        byte[][] row = [.. columns.Select(c => new byte[c.RowBytes])];
        long count = ReadRows(host, cursor, () =>
        {
            for (int i = 0; i < readers.Length; i++)
            {
                readers[i].Read(row[i]);
                fingerprint.Add(i, row[i]);
            }

            return true;
        }, cancellation, new TimedLines(host, "Reading"));
        return count == 0
            ? throw EmptyTable.Error(columns.Select(column => column.Name))
            : new StreamedTensorSource(host, data, columns, rowsInBudget, count, fingerprint.Finish(count), cancellation);
    }

    public override IBatchSource Batches(int batchSize, bool shuffle, long seed, torch.Device device)
    {
        // What waits to be trained on counts, too; a pool of less than a batch would hardly shuffle.
        long pool = Math.Min(Count, Math.Max(batchSize, _rowsInBudget - (StreamedBatches.BatchesAhead + 2L) * batchSize));
        var batches = new StreamedBatches(
            _host, _data, _columns, Count, batchSize, shuffle ? seed : null, checked((int)Math.Min(pool, Array.MaxLength)), device,
            Fingerprint, _cancellation);
        _batches.Add(batches);
        return batches;
    }

    public override void Dispose()
    {
        foreach (StreamedBatches batches in _batches)
            batches.Dispose();
    }
}
