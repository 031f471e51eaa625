using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Interop;

/// <summary>A <see cref="BatchTransformer"/> bound to an input schema; for ML.NET also a mapper of single rows.</summary>
internal sealed class BatchRowMapper(BatchTransformer transformer, DataViewSchema inputSchema) : IRowMapper
{
    private readonly DataViewSchema.DetachedColumn[] _outputs = transformer.MakeOutputColumns(inputSchema);

    public DataViewSchema.DetachedColumn[] GetOutputColumns() => _outputs;

    public ITransformer GetTransformer() => transformer;

    void ICanSaveModel.Save(ModelSaveContext ctx) => transformer.SaveModel(ctx);

    public IEnumerable<DataViewSchema.Column> InputColumns => transformer.InputColumns.Select(name => inputSchema[name]);

    public Func<int, bool> GetDependencies(Func<int, bool> activeOutput)
    {
        HashSet<int> needed = Enumerable.Range(0, _outputs.Length).Any(activeOutput) ? [.. InputColumns.Select(c => c.Index)] : [];
        return needed.Contains;
    }

    public IRowBatch MakeBatch(DataViewRow input, Func<int, bool> activeOutput, int slots) =>
        transformer.MakeBatch(input, activeOutput, slots);

    /// <summary>Getters for a row at a time: the first one called at a new position computes all active columns.</summary>
    public Delegate[] CreateGetters(DataViewRow input, Func<int, bool> activeOutput, out Action? disposer)
    {
        disposer = null;
        var getters = new Delegate[_outputs.Length];
        if (!Enumerable.Range(0, _outputs.Length).Any(activeOutput))
            return getters;

        IRowBatch batch = MakeBatch(input, activeOutput, slots: 1);
        long computed = -1;
        for (int i = 0; i < getters.Length; i++)
        {
            if (activeOutput(i))
                getters[i] = batch.MakeGetter(i, CurrentSlot);
        }

        return getters;

        int CurrentSlot()
        {
            if (computed != input.Position)
            {
                batch.Read(0);
                batch.Run(1);
                computed = input.Position;
            }

            return 0;
        }
    }
}
