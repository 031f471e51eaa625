using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Data.Rows;

/// <summary>Columns of values in memory.</summary>
internal sealed class MemoryDataView : IDataView
{
    private readonly IHost _host;
    private readonly MemoryColumn[] _columns;
    private readonly int _rows;

    /// <param name="host">The host of cursors.</param>
    /// <param name="first">The first column, which hides others of its name.</param>
    /// <param name="others">More columns, of as many rows.</param>
    public MemoryDataView(IHost host, MemoryColumn first, params IEnumerable<MemoryColumn> others)
    {
        _host = host;
        _columns = [first, .. others.Where(column => column.Column.Name != first.Column.Name)];
        _rows = first.Rows;
        var builder = new DataViewSchema.Builder();
        foreach (MemoryColumn column in _columns)
            builder.AddColumn(column.Column.Name, column.Column.Type, column.Column.Annotations);
        Schema = builder.ToSchema();
    }

    public DataViewSchema Schema { get; }

    /// <summary>Some of the rows, in any order and as often as they are named.</summary>
    /// <param name="places">Which.</param>
    /// <param name="more">Further columns, with as many rows as there are here.</param>
    public MemoryDataView Take(int[] places, params MemoryColumn[] more)
    {
        MemoryColumn[] taken = [.. _columns.Concat(more).Select(column => column.Take(places))];
        return new MemoryDataView(_host, taken[0], taken[1..]);
    }

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

        bool[] isActive = new bool[_columns.Length];
        foreach (DataViewSchema.Column column in columnsNeeded)
            isActive[column.Index] = true;
        return new Cursor(this, isActive, order);
    }

    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null) =>
        [GetRowCursor(columnsNeeded, rand)];

    private sealed class Cursor(MemoryDataView view, bool[] isActive, int[]? order) : RootCursorBase(view._host)
    {
        public override DataViewSchema Schema => view.Schema;

        public override long Batch => 0;

        public override bool IsColumnActive(DataViewSchema.Column column) => isActive[column.Index];

        protected override bool MoveNextCore() => Position + 1 < view._rows;

        public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId id) => id = new DataViewRowId((ulong)Row(), 0);

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
        {
            if (!isActive[column.Index])
                throw new InvalidOperationException($"Column '{column.Name}' is not active in this cursor: ask for it in GetRowCursor.");
            return view._columns[column.Index].MakeGetter(Row) as ValueGetter<TValue>
                ?? throw new InvalidOperationException(
                    $"Column '{column.Name}' has values of {column.Type.RawType}, not {typeof(TValue)}.");
        }

        private int Row() => !IsGood
            ? throw new InvalidOperationException(
                "The cursor is not on a row: call MoveNext first, and read no more once it has returned false.")
            : order is null ? (int)Position : order[Position];
    }
}
