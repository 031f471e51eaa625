using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Data.Rows;

/// <summary>One column of float vectors in memory.</summary>
internal sealed class MemoryDataView : IDataView
{
    private readonly IHost _host;
    private readonly float[] _values;
    private readonly int _width;
    private readonly int _rows;

    // The values row by row: a multiple of the type's size.
    public MemoryDataView(IHost host, string columnName, VectorDataViewType type, float[] values)
    {
        _host = host;
        _values = values;
        _width = type.Size;
        _rows = values.Length / _width;
        var builder = new DataViewSchema.Builder();
        builder.AddColumn(columnName, type);
        Schema = builder.ToSchema();
    }

    public DataViewSchema Schema { get; }

    public bool CanShuffle => true;

    public long? GetRowCount() => _rows;

    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null)
    {
        int[]? order = null;
        if (rand is not null)
        {
            order = [.. Enumerable.Range(0, _rows)];
            rand.Shuffle(order);
        }

        return new Cursor(this, columnsNeeded.Any(), order);
    }

    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null) =>
        [GetRowCursor(columnsNeeded, rand)];

    private sealed class Cursor(MemoryDataView view, bool isActive, int[]? order) : RootCursorBase(view._host)
    {
        public override DataViewSchema Schema => view.Schema;

        public override long Batch => 0;

        private int Row => order is null ? (int)Position : order[Position];

        public override bool IsColumnActive(DataViewSchema.Column column) => isActive;

        protected override bool MoveNextCore() => Position + 1 < view._rows;

        public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId id) => id = new DataViewRowId((ulong)Row, 0);

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
        {
            ValueGetter<VBuffer<float>> getter = (ref VBuffer<float> value) =>
            {
                VBufferEditor<float> editor = VBufferEditor.Create(ref value, view._width);
                view._values.AsSpan(Row * view._width, view._width).CopyTo(editor.Values);
                value = editor.Commit();
            };
            return getter as ValueGetter<TValue>
                ?? throw new ArgumentException($"Column '{column.Name}' has values of {typeof(VBuffer<float>)}, not {typeof(TValue)}.");
        }
    }
}
