using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Tests;

/// <summary>A transformer that is nothing but its columns.</summary>
internal sealed class TestTransformer : ITransformer, IDisposable
{
    private readonly RowEngine _engine;

    public TestTransformer(IHost host, Func<DataViewSchema, RowMapping> bind, int rowsAtOnce = 3) =>
        _engine = new RowEngine(host, this, bind, rowsAtOnce, Network);

    /// <summary>What the transformer disposes of.</summary>
    public DisposedOnce Network { get; } = new();

    public bool IsRowToRowMapper => true;

    public IDisposable Use() => _engine.Use();

    public IDataView Transform(IDataView input) => _engine.Transform(input);

    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _engine.GetOutputSchema(inputSchema);

    public IRowToRowMapper GetRowToRowMapper(DataViewSchema inputSchema) => _engine.GetRowToRowMapper(inputSchema);

    void ICanSaveModel.Save(ModelSaveContext ctx) => throw new NotSupportedException();

    public void Dispose() => _engine.Dispose();

    internal sealed class DisposedOnce : IDisposable
    {
        public bool IsDisposed { get; private set; }

        public void Dispose()
        {
            Assert.False(IsDisposed);
            IsDisposed = true;
        }
    }
}
