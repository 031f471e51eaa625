using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Interop;

/// <summary>Rows with the columns of a <see cref="BatchTransformer"/> added, computed many rows at a time.</summary>
internal sealed class BatchedDataView(IHost host, IDataView input, BatchRowMapper mapper, int rowsAtOnce) : IDataView
{
    public DataViewSchema Schema { get; } = RowToRowMapperTransform.GetOutputSchema(input.Schema, mapper);

    public bool CanShuffle => input.CanShuffle;

    public long? GetRowCount() => input.GetRowCount();

    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null)
    {
        HashSet<int> active = [.. columnsNeeded.Select(c => c.Index)];
        int inputCount = input.Schema.Count;
        bool IsActiveOutput(int output) => active.Contains(inputCount + output);

        Func<int, bool> needed = mapper.GetDependencies(IsActiveOutput);
        DataViewRowCursor source = input.GetRowCursor(input.Schema.Where(c => active.Contains(c.Index) || needed(c.Index)), rand);
        try
        {
            return new BatchedCursor(host, source, Schema, mapper, active, rowsAtOnce);
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    // One cursor: libtorch already uses all cores within a batch.
    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null) =>
        [GetRowCursor(columnsNeeded, rand)];
}

internal sealed class BatchedCursor : RootCursorBase
{
    private readonly DataViewRowCursor _source;
    private readonly HashSet<int> _active;
    private readonly ColumnBuffer?[] _buffers;
    private readonly Delegate?[] _outputs;
    private readonly IRowBatch? _batch;
    private readonly ValueGetter<DataViewRowId> _sourceId;
    private readonly DataViewRowId[] _ids;
    private readonly IHost _host;
    private int _filled;
    private int _slot;

    public BatchedCursor(IHost host, DataViewRowCursor source, DataViewSchema schema, BatchRowMapper mapper, HashSet<int> active, int rowsAtOnce)
        : base(host)
    {
        _host = host;
        _source = source;
        _active = active;
        Schema = schema;

        int inputCount = source.Schema.Count;
        bool hasOutputs = active.Any(column => column >= inputCount);
        int slots = hasOutputs ? rowsAtOnce : 1;
        _ids = new DataViewRowId[slots];
        _sourceId = source.GetIdGetter();
        _buffers = [.. source.Schema.Select(c => active.Contains(c.Index) ? ColumnBuffer.Create(source, c, slots) : null)];
        _outputs = new Delegate?[schema.Count - inputCount];
        if (!hasOutputs)
            return;

        _batch = mapper.MakeBatch(source, output => active.Contains(inputCount + output), slots);
        for (int i = 0; i < _outputs.Length; i++)
        {
            if (active.Contains(inputCount + i))
                _outputs[i] = _batch.MakeGetter(i, CurrentSlot);
        }
    }

    public override DataViewSchema Schema { get; }

    public override long Batch => _source.Batch;

    public override bool IsColumnActive(DataViewSchema.Column column) => _active.Contains(column.Index);

    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
    {
        if (!IsColumnActive(column))
            throw new ArgumentException($"Column '{column.Name}' is not active in this cursor: ask for it in GetRowCursor.");

        int inputCount = _source.Schema.Count;
        Delegate getter = column.Index < inputCount ? _buffers[column.Index]!.MakeGetter(CurrentSlot) : _outputs[column.Index - inputCount]!;
        return getter as ValueGetter<TValue>
            ?? throw new ArgumentException($"Column '{column.Name}' has values of {column.Type.RawType}, not {typeof(TValue)}.");
    }

    public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId id) => id = _ids[CurrentSlot()];

    protected override bool MoveNextCore()
    {
        if (++_slot < _filled)
            return true;

        _host.CheckAlive();
        _slot = 0;
        for (_filled = 0; _filled < _ids.Length && _source.MoveNext(); _filled++)
        {
            _sourceId(ref _ids[_filled]);
            _batch?.Read(_filled);
            foreach (ColumnBuffer? buffer in _buffers)
                buffer?.Read(_filled);
        }

        if (_filled > 0)
            _batch?.Run(_filled);
        return _filled > 0;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _filled = 0;
            _source.Dispose();
        }

        base.Dispose(disposing);
    }

    private int CurrentSlot() => IsGood
        ? _slot
        : throw new InvalidOperationException("The cursor is not on a row: call MoveNext first, and read no more once it has returned false.");
}
