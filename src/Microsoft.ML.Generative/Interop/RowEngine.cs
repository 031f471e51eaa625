using Microsoft.ML.Data;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Interop;

/// <summary>
/// The part of a transformer that ML.NET sees: adds its columns to rows, computing many rows at a time when it transforms an
/// <see cref="IDataView"/> and single rows in a <see cref="PredictionEngine{TSrc, TDst}"/>. It keeps the network's memory until the last
/// call that uses it has returned.
/// </summary>
internal sealed class RowEngine : IDisposable
{
    private readonly Func<DataViewSchema, IRowMapping> _bind;
    private readonly UserCount _users;

    /// <param name="host">The transformer's host.</param>
    /// <param name="transformer">The transformer.</param>
    /// <param name="bind">Binds the transformer's columns to an input schema; checks the input columns.</param>
    /// <param name="rowsAtOnce">How many rows are computed at once.</param>
    /// <param name="network">What is disposed of with the transformer, if there is anything.</param>
    public RowEngine(IHost host, ITransformer transformer, Func<DataViewSchema, IRowMapping> bind, int rowsAtOnce, IDisposable? network)
    {
        Host = host;
        Transformer = transformer;
        _bind = bind;
        RowsAtOnce = rowsAtOnce;
        _users = new UserCount(transformer, network is torch.nn.Module module ? new NativeFootprint(module, module) : network);
    }

    public IHost Host { get; }

    public ITransformer Transformer { get; }

    public int RowsAtOnce { get; }

    public IDataView Transform(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return new BatchedDataView(Host, input, new BatchRowMapper(this, input.Schema), RowsAtOnce);
    }

    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        return new BatchRowMapper(this, inputSchema).Layout.Schema;
    }

    public IRowToRowMapper GetRowToRowMapper(DataViewSchema inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        return new RowToRowMapperTransform(
            Host, new EmptyDataView(Host, inputSchema), new BatchRowMapper(this, inputSchema), schema => new BatchRowMapper(this, schema));
    }

    /// <summary>Keeps the network's memory until the result is disposed of.</summary>
    /// <exception cref="ObjectDisposedException">The transformer has been disposed of.</exception>
    public IDisposable Use() => _users.Enter();

    /// <summary>The transformer's columns, bound to an input schema.</summary>
    public IRowMapping Bind(DataViewSchema inputSchema)
    {
        using IDisposable use = Use();
        return _bind(inputSchema);
    }

    /// <summary>Releases the network's memory as soon as no call uses it.</summary>
    public void Dispose() => _users.Dispose();
}
