using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Data.Batches;

/// <summary>Rows of one column in native memory, growing while they are read unless their number is known.</summary>
internal sealed unsafe class RowBuffer : IDisposable
{
    private const long BytesAtFirst = 4 << 20;

    private readonly TensorColumn _column;
    private readonly long _maxRows;
    private torch.Tensor _rows;
    private byte* _start;
    private long _capacity;
    private long _count;

    /// <param name="column">The column.</param>
    /// <param name="expectedRows">The rows to come, if that is known.</param>
    /// <param name="maxRows">The rows that may be in memory; while the buffer grows, its old and its new memory count.</param>
    public RowBuffer(TensorColumn column, long? expectedRows, long maxRows)
    {
        _column = column;
        _maxRows = maxRows;
        _capacity = expectedRows is > 0 ? expectedRows.Value : Math.Clamp(BytesAtFirst / column.RowBytes, 1, maxRows);
        _rows = Allocate(_capacity, out _start);
    }

    /// <summary>The memory of the next row; false if there may be no more.</summary>
    public bool TryNextRow(out Span<byte> row)
    {
        row = default;
        if (_count == _capacity)
        {
            if (_capacity > _maxRows / 3)
                return false;
            Resize(checked(_capacity * 2));
        }

        row = new Span<byte>(_start + _count++ * _column.RowBytes, _column.RowBytes);
        return true;
    }

    /// <summary>The rows read: [rows, elements]. The buffer is empty afterwards.</summary>
    public torch.Tensor Finish()
    {
        if (_count < _capacity)
            Resize(_count);
        torch.Tensor rows = _rows;
        _rows = torch.empty(0);
        return rows;
    }

    public void Dispose() => _rows.Dispose();

    private void Resize(long capacity)
    {
        torch.Tensor larger = Allocate(capacity, out byte* start);
        Buffer.MemoryCopy(_start, start, capacity * _column.RowBytes, Math.Min(_count, capacity) * _column.RowBytes);
        _rows.Dispose();
        _rows = larger;
        _start = start;
        _capacity = capacity;
    }

    private torch.Tensor Allocate(long rows, out byte* start)
    {
        torch.Tensor tensor = torch.empty([rows, _column.Elements], dtype: _column.Type).DetachFromDisposeScope();
        start = TensorMemory.Start(tensor);
        HugePages.Advise(start, rows * _column.RowBytes);
        return tensor;
    }
}
