using Microsoft.ML.Data;
using Microsoft.ML.Model.OnnxConverter;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Interop;

/// <summary>Rows with the columns of a transformer added, computed many rows at a time.</summary>
internal sealed class BatchedDataView(IHost host, IDataView input, BatchRowMapper mapper, int rowsAtOnce) : ITransformCanSaveOnnx
{
    IDataView IDataTransform.Source => input;

    public DataViewSchema Schema => mapper.Layout.Schema;

    public bool CanShuffle => input.CanShuffle;

    public long? GetRowCount() => input.GetRowCount();

    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null)
    {
        bool[] active = new bool[Schema.Count];
        foreach (DataViewSchema.Column column in columnsNeeded)
            active[column.Index] = true;

        bool[] passed = mapper.Layout.GetActiveInput(column => active[column]);
        Func<int, bool> needed = mapper.GetDependencies(output => active[mapper.Layout.AddedColumnIndices[output]]);
        DataViewRowCursor source = input.GetRowCursor(input.Schema.Where(c => passed[c.Index] || needed(c.Index)), rand);
        try
        {
            return new BatchedCursor(host, source, mapper, active, rowsAtOnce);
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    void ICanSaveModel.Save(ModelSaveContext ctx) => ((ICanSaveModel)mapper).Save(ctx);

    // ML.NET takes a data view that is no transform of its own for data, and converts what comes after it: a file without the model.
    bool ICanSaveOnnx.CanSaveOnnx(OnnxContext ctx) => throw NotConvertible();

    void ISaveAsOnnx.SaveAsOnnx(OnnxContext ctx) => throw NotConvertible();

    private NotSupportedException NotConvertible() =>
        new($"{mapper.GetTransformer().GetType().Name} cannot be converted to ONNX. Save the pipeline with mlContext.Model.Save.");

    // One cursor: libtorch already uses all cores within a batch.
    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null) =>
        [GetRowCursor(columnsNeeded, rand)];
}

internal sealed class BatchedCursor : RootCursorBase
{
    private readonly IHost _host;
    private readonly DataViewRowCursor _source;
    private readonly BatchRowMapper _mapper;
    private readonly bool[] _active;
    private readonly ColumnBuffer[] _buffers;
    private readonly Delegate?[] _getters;
    private readonly IRowComputation? _computation;
    private readonly ValueGetter<DataViewRowId> _sourceId;
    private readonly DataViewRowId[] _ids;
    private int _filled;
    private int _slot;

    public BatchedCursor(IHost host, DataViewRowCursor source, BatchRowMapper mapper, bool[] active, int rowsAtOnce)
        : base(host)
    {
        _host = host;
        _source = source;
        _mapper = mapper;
        _active = active;

        ColumnBindings layout = mapper.Layout;
        bool hasOutputs = layout.AddedColumnIndices.Any(column => active[column]);
        int slots = hasOutputs ? rowsAtOnce : 1;
        _ids = new DataViewRowId[slots];
        _sourceId = source.GetIdGetter();
        if (hasOutputs)
            _computation = mapper.Open(source, output => active[layout.AddedColumnIndices[output]], slots);

        List<ColumnBuffer> buffers = [];
        _getters = new Delegate?[active.Length];
        for (int column = 0; column < active.Length; column++)
        {
            if (!active[column])
                continue;
            int index = layout.MapColumnIndex(out bool isPassed, column);
            if (isPassed)
            {
                ColumnBuffer buffer = ColumnBuffer.Create(source, source.Schema[index], slots);
                buffers.Add(buffer);
                _getters[column] = buffer.MakeGetter(CurrentSlot);
            }
            else
            {
                _getters[column] = _computation!.MakeGetter(index, CurrentSlot);
            }
        }

        _buffers = [.. buffers];
    }

    public override DataViewSchema Schema => _mapper.Layout.Schema;

    public override long Batch => _source.Batch;

    public override bool IsColumnActive(DataViewSchema.Column column) => _active[column.Index];

    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column) => _getters[column.Index] switch
    {
        null => throw new ArgumentException($"Column '{column.Name}' is not active in this cursor: ask for it in GetRowCursor."),
        ValueGetter<TValue> getter => getter,
        _ => throw new ArgumentException($"Column '{column.Name}' has values of {column.Type.RawType}, not {typeof(TValue)}."),
    };

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
            _computation?.Read(_filled);
            foreach (ColumnBuffer buffer in _buffers)
                buffer.Read(_filled);
        }

        if (_filled > 0 && _computation is not null)
            _mapper.Run(_computation, _filled);
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
        : throw new InvalidOperationException(
            "The cursor is not on a row: call MoveNext first, and read no more once it has returned false.");
}
