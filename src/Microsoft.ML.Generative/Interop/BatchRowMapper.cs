using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Interop;

/// <summary>A transformer bound to an input schema; for ML.NET also a mapper of single rows.</summary>
internal sealed class BatchRowMapper : IRowMapper
{
    private readonly RowEngine _engine;
    private readonly IRowMapping _mapping;
    private readonly DataViewSchema _inputSchema;

    public BatchRowMapper(RowEngine engine, DataViewSchema inputSchema)
    {
        _engine = engine;
        _inputSchema = inputSchema;
        _mapping = engine.Bind(inputSchema);
        Layout = new ColumnBindings(inputSchema, _mapping.OutputColumns);
    }

    /// <summary>
    /// Where the input's and the added columns are in the output schema. ML.NET's mapper of single rows lays its columns out by the same
    /// class: an added column follows the input column of its name, if there is one.
    /// </summary>
    public ColumnBindings Layout { get; }

    public DataViewSchema.DetachedColumn[] GetOutputColumns() => _mapping.OutputColumns;

    public ITransformer GetTransformer() => _engine.Transformer;

    void ICanSaveModel.Save(ModelSaveContext ctx) => _engine.Transformer.Save(ctx);

    public Func<int, bool> GetDependencies(Func<int, bool> activeOutput)
    {
        HashSet<int> needed = Enumerable.Range(0, _mapping.OutputColumns.Length).Any(activeOutput)
            ? [.. _mapping.InputColumns.Select(name => _inputSchema[name].Index)]
            : [];
        return needed.Contains;
    }

    public IRowComputation Open(DataViewRow input, Func<int, bool> activeOutput, int slots) => _mapping.Open(input, activeOutput, slots);

    /// <exception cref="ObjectDisposedException">The transformer has been disposed of.</exception>
    public void Run(IRowComputation computation, int count)
    {
        using IDisposable use = _engine.Use();
        computation.Run(count);
    }

    /// <summary>Getters for a row at a time: the first one called at a new position computes all active columns.</summary>
    public Delegate[] CreateGetters(DataViewRow input, Func<int, bool> activeOutput, out Action? disposer)
    {
        disposer = null;
        var getters = new Delegate[_mapping.OutputColumns.Length];
        if (!Enumerable.Range(0, getters.Length).Any(activeOutput))
            return getters;

        IRowComputation computation = Open(input, activeOutput, slots: 1);
        long computed = -1;
        for (int i = 0; i < getters.Length; i++)
        {
            if (activeOutput(i))
                getters[i] = computation.MakeGetter(i, CurrentSlot);
        }

        return getters;

        int CurrentSlot()
        {
            if (computed != input.Position)
            {
                computation.Read(0);
                Run(computation, 1);
                computed = input.Position;
            }

            return 0;
        }
    }
}
