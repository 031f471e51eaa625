using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Data.Datasets;

/// <summary>
/// Walks over every <paramref name="parts"/>th block of rows, starting with block number <paramref name="part"/>.
/// The number of the block is the cursor's <see cref="DataViewRow.Batch"/>, by which ML.NET brings the rows of a set back in order.
/// </summary>
internal sealed class ByteImageCursor(ByteImageDataView view, bool[] active, int[]? order, int blockSize, int part, int parts)
    : DataViewRowCursor
{
    private readonly IByteImageSource _source = view.Source;
    private readonly int _count = view.Source.Count;
    private readonly int _imageSize = view.Source.Shape.Size;
    private long _position = -1;
    private long _index = -1;
    private int _row = -1;

    public override DataViewSchema Schema => view.Schema;

    public override long Position => _position;

    public override long Batch => _index < 0 ? 0 : _index / blockSize;

    public override bool MoveNext()
    {
        if (_index >= _count)
            return false;

        var next = _position + 1;
        _index = (next / blockSize * parts + part) * blockSize + next % blockSize;
        if (_index >= _count)
        {
            Finish();
            return false;
        }
        _position = next;
        _row = order is null ? (int)_index : order[_index];
        return true;
    }

    public override bool IsColumnActive(DataViewSchema.Column column) => active[view.IndexOf(column)];

    public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId id) => id = new DataViewRowId((ulong)Row, 0);

    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
    {
        if (!IsColumnActive(column))
            throw new InvalidOperationException($"Column '{column.Name}' was not asked for when the cursor was made.");

        Delegate getter = column.Name == ByteImageDataView.ImageColumnName
            ? (ValueGetter<VBuffer<byte>>)GetImage
            : (ValueGetter<uint>)GetLabel;
        return getter as ValueGetter<TValue>
            ?? throw new InvalidOperationException(
                $"Column '{column.Name}' holds {column.Type.RawType}; it cannot be read as {typeof(TValue)}.");
    }

    protected override void Dispose(bool disposing)
    {
        Finish();
        base.Dispose(disposing);
    }

    private int Row =>
        _row >= 0
        ? _row
        : throw new InvalidOperationException("The cursor is not on a row: call MoveNext first, and stop when it returns false.");

    private void GetImage(ref VBuffer<byte> image)
    {
        var row = Row;
        var editor = VBufferEditor.Create(ref image, _imageSize);
        _source.CopyImage(row, editor.Values);
        image = editor.Commit();
    }

    private void GetLabel(ref uint label) => label = (uint)_source.ClassOf(Row) + 1;

    private void Finish()
    {
        _position = -1;
        _row = -1;
        _index = _count;
    }
}
