using Microsoft.ML.Data;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>
/// Base of the library's transformers: adds columns to rows, computing many rows at a time when it transforms an
/// <see cref="IDataView"/> and single rows in a <see cref="PredictionEngine{TSrc, TDst}"/>.
/// </summary>
public abstract class BatchTransformer : ITransformer, IDisposable
{
    /// <summary>The most rows that options, and with them a model file, may ask to be computed at once.</summary>
    internal const int MaxRowsAtOnce = 65_536;

    private protected BatchTransformer(IHost host)
    {
        Host = host;
    }

    private protected IHost Host { get; }

    /// <summary>How many rows a cursor computes at once.</summary>
    private protected abstract int RowsAtOnce { get; }

    bool ITransformer.IsRowToRowMapper => true;

    /// <inheritdoc/>
    public IDataView Transform(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return new BatchedDataView(Host, input, new BatchRowMapper(this, input.Schema), RowsAtOnce);
    }

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        return RowToRowMapperTransform.GetOutputSchema(inputSchema, new BatchRowMapper(this, inputSchema));
    }

    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        return new RowToRowMapperTransform(
            Host, new EmptyDataView(Host, inputSchema), new BatchRowMapper(this, inputSchema), schema => new BatchRowMapper(this, schema));
    }

    void ICanSaveModel.Save(ModelSaveContext ctx) => SaveModel(ctx);

    internal void SaveModel(ModelSaveContext ctx)
    {
        ThrowIfDisposed();
        Save(ctx);
    }

    /// <summary>Releases the network's memory.</summary>
    public void Dispose()
    {
        if (IsDisposed)
            return;
        IsDisposed = true;
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Whether the transformer has been disposed of.</summary>
    private protected bool IsDisposed { get; private set; }

    private protected void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(IsDisposed, this);

    /// <summary>Releases what the derived class holds.</summary>
    /// <param name="disposing">Always <see langword="true"/>: the class has no finalizer.</param>
    protected abstract void Dispose(bool disposing);

    private protected abstract void Save(ModelSaveContext ctx);

    private protected static void CheckSize(ReadOnlySpan<float> values, int expected, string name)
    {
        if (values.Length != expected)
            throw new ArgumentException($"{values.Length} values were given; expected {expected}.", name);
    }

    /// <summary>Computes rows of values.</summary>
    /// <param name="count">The rows.</param>
    /// <param name="width">Values in a row.</param>
    /// <param name="compute">From the first row and the number of rows to [rows, ..values], Float32.</param>
    /// <param name="rowsAtOnce">How many at once; as many as a cursor does if it is not said.</param>
    /// <param name="cancellation">Stops between batches.</param>
    private protected float[] ComputeRows(
        int count, int width, Func<int, int, torch.Tensor> compute, int? rowsAtOnce = null, CancellationToken cancellation = default)
    {
        ThrowIfDisposed();
        int atOnce = rowsAtOnce ?? RowsAtOnce;
        float[] values = new float[checked(count * width)];
        using IDisposable noGradient = torch.no_grad();
        for (int start = 0; start < count; start += atOnce)
        {
            Host.CheckAlive();
            cancellation.ThrowIfCancellationRequested();
            using DisposeScope scope = torch.NewDisposeScope();
            int rows = Math.Min(atOnce, count - start);
            TensorMemory.ToArray<float>(compute(start, rows)).CopyTo(values, checked(start * width));
        }

        return values;
    }

    /// <summary>The columns added. Checks the input columns.</summary>
    internal abstract DataViewSchema.DetachedColumn[] MakeOutputColumns(DataViewSchema inputSchema);

    /// <summary>The names of the columns read.</summary>
    internal abstract IReadOnlyList<string> InputColumns { get; }

    internal abstract IRowBatch MakeBatch(DataViewRow input, Func<int, bool> activeOutput, int slots);
}
