using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>Rows of one column in native memory, growing while they are read unless their number is known.</summary>
internal sealed unsafe class RowBuffer : IDisposable
{
    private const long BytesAtFirst = 4 << 20;

    private readonly TensorColumn _column;
    private torch.Tensor _rows;
    private byte* _start;
    private long _capacity;
    private long _count;

    public RowBuffer(TensorColumn column, long? expectedRows)
    {
        _column = column;
        _capacity = expectedRows is > 0 ? expectedRows.Value : Math.Max(1, BytesAtFirst / column.RowBytes);
        _rows = Allocate(_capacity, out _start);
    }

    public Span<byte> NextRow()
    {
        if (_count == _capacity)
            Resize(checked(_capacity * 2));
        return new Span<byte>(_start + _count++ * _column.RowBytes, _column.RowBytes);
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
        // The first row alone: spans end at 2 GB, the tensor need not.
        using torch.Tensor first = tensor.narrow(0, 0, Math.Min(1, rows));
        start = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(first.bytes));
        HugePages.Advise(start, rows * _column.RowBytes);
        return tensor;
    }
}
