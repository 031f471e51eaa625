using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Data.Batches;

/// <summary>
/// Rows of an <see cref="IDataView"/> as tensors in the narrowest type: all in memory where they fit a budget, else read again in each
/// epoch.
/// </summary>
internal abstract class TensorSource : IDisposable
{
    private const int RowsBetweenChecks = 256;

    /// <summary>Rows.</summary>
    public abstract long Count { get; }

    /// <summary>The same for the same rows in the same order, however they are kept.</summary>
    public abstract string Fingerprint { get; }

    /// <summary>
    /// The rows in batches; each epoch in a new order if shuffled, the last batch of an epoch with the rows that are left.
    /// </summary>
    public abstract IBatchSource Batches(int batchSize, bool shuffle, long seed, torch.Device device);

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>Reads and checks all rows, and keeps them if they fit.</summary>
    /// <param name="host">Says when to stop.</param>
    /// <param name="data">The rows.</param>
    /// <param name="columns">The columns to read.</param>
    /// <param name="memoryBudget">Bytes that the rows may take.</param>
    /// <param name="cancellation">Stops, too.</param>
    /// <exception cref="ArgumentException">The data has no rows.</exception>
    /// <exception cref="InvalidDataException">A value cannot be used; the message names its column and row.</exception>
    /// <exception cref="OperationCanceledException">The context or the token was canceled.</exception>
    public static TensorSource Read(
        IHost host, IDataView data, IReadOnlyList<TensorColumn> columns, long memoryBudget = long.MaxValue,
        CancellationToken cancellation = default)
    {
        TorchRuntime.EnsureLoaded();
        long rowBytes = columns.Sum(c => (long)c.RowBytes);
        long rowsInBudget = memoryBudget / Math.Max(1, rowBytes);
        return TryReadAll(host, data, columns, rowsInBudget, cancellation)
            ?? (TensorSource)StreamedTensorSource.Scan(host, data, columns, rowsInBudget, cancellation);
    }

    /// <summary>Calls for each row, and asks now and then whether to stop.</summary>
    /// <returns>The number of rows; less than there are if the action returned false.</returns>
    internal static long ReadRows(
        IHost host, DataViewRowCursor cursor, Func<bool> readRow, CancellationToken cancellation, TimedLines? lines = null)
    {
        long count = 0;
        while (cursor.MoveNext())
        {
            if (count % RowsBetweenChecks == 0)
            {
                host.CheckAlive();
                cancellation.ThrowIfCancellationRequested();
                lines?.Write(() => $"{count:N0} rows.");
            }

            if (!readRow())
                break;
            count++;
        }

        return count;
    }

    internal static DataViewRowCursor OpenCursor(IDataView data, IReadOnlyList<TensorColumn> columns) =>
        data.GetRowCursor(columns.Select(c => data.Schema[c.Name]).Distinct());

    // Null when the rows turn out to be more than fit. The number that a view returns is a hint, not a promise.
    private static MemoryTensorSource? TryReadAll(
        IHost host, IDataView data, IReadOnlyList<TensorColumn> columns, long rowsInBudget, CancellationToken cancellation)
    {
        long? expected = data.GetRowCount();
        if (expected > rowsInBudget || rowsInBudget == 0)
            return null;

        var buffers = new List<RowBuffer>();
        bool isKept = false;
        try
        {
            buffers.AddRange(columns.Select(c => new RowBuffer(c, expected, rowsInBudget)));
            using DataViewRowCursor cursor = OpenCursor(data, columns);
            RowReader[] readers = [.. columns.Select(c => c.Open(cursor))];
            bool fits = true;
            long count = ReadRows(host, cursor, () =>
            {
                for (int i = 0; i < readers.Length && fits; i++)
                {
                    fits = buffers[i].TryNextRow(out Span<byte> row);
                    if (fits)
                        readers[i].Read(row);
                }

                return fits;
            }, cancellation, new TimedLines(host, "Reading"));
            if (!fits)
                return null;
            if (count == 0)
                throw EmptyTable.Error(columns.Select(column => column.Name));
            isKept = true;
            return new MemoryTensorSource(columns, [.. buffers.Select(b => b.Finish())], count);
        }
        finally
        {
            if (!isKept)
                buffers.ForEach(b => b.Dispose());
        }
    }
}
