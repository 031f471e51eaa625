using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Data.Batches;

/// <summary>
/// Rows waiting in native memory to be taken in a random order. It begins full; each row taken makes room for the next one read. The order
/// depends on the seed, the pool's size and the rows alone.
/// </summary>
internal sealed class RowPool : IDisposable
{
    private readonly torch.Tensor[] _rows;
    private readonly int _capacity;
    private readonly int _columns;
    private readonly unsafe byte*[] _start;
    private readonly int[] _rowBytes;
    private SplitMix64 _random;
    private int _count;

    /// <param name="columns">The columns of a row.</param>
    /// <param name="capacity">Rows in the pool.</param>
    public unsafe RowPool(IReadOnlyList<TensorColumn> columns, int capacity)
    {
        _capacity = capacity;
        _columns = columns.Count;
        _rowBytes = [.. columns.Select(c => c.RowBytes)];
        _rows = [.. columns.Select(c => torch.empty([capacity, c.RowBytes], torch.uint8).DetachFromDisposeScope())];
        _start = new byte*[_columns];
        for (int i = 0; i < _columns; i++)
            _start[i] = TensorMemory.Start(_rows[i]);
    }

    /// <summary>Empties the pool, for a new order.</summary>
    public void Start(long seed)
    {
        _random = new((ulong)seed);
        _count = 0;
    }

    public bool IsFull => _count == _capacity;

    public bool IsEmpty => _count == 0;

    /// <summary>The memory of a column of the next row; <see cref="Added"/> follows when all columns are there.</summary>
    public Span<byte> Next(int column) => Row(column, _count);

    public void Added() => _count++;

    /// <summary>Takes a random row out, into memory for each column, or into none to pass over it.</summary>
    public void Take(ReadOnlySpan<RowTarget> targets)
    {
        int chosen = _random.Next(_count);
        _count--;
        for (int i = 0; i < _columns; i++)
        {
            Span<byte> row = Row(i, chosen);
            if (!targets.IsEmpty)
                row.CopyTo(targets[i].Bytes);
            if (chosen != _count)
                Row(i, _count).CopyTo(row);
        }
    }

    public void Dispose()
    {
        foreach (torch.Tensor rows in _rows)
            rows.Dispose();
    }

    private unsafe Span<byte> Row(int column, int row) => new(_start[column] + (long)row * _rowBytes[column], _rowBytes[column]);
}

/// <summary>Where a row of one column goes.</summary>
internal readonly unsafe struct RowTarget(byte* start, int length)
{
    public Span<byte> Bytes => new(start, length);
}
