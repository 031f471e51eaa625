using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Images;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Runtime;

[assembly: LoadableClass(typeof(VectorToImageTransformer), null, typeof(SignatureLoadModel), "Vectors to images",
    VectorToImageTransformer.LoaderSignature)]

namespace Microsoft.ML.Generative;

/// <summary>Makes images of vectors.</summary>
/// <remarks>Its columns are listed at <see cref="VectorToImageEstimator"/>. All methods may be called from several threads.</remarks>
public sealed class VectorToImageTransformer : ITransformer, IDisposable
{
    internal const string LoaderSignature = "GenerativeVectorToImage";

    private const int RowsAtOnce = 16;

    private static readonly ModelFormat _format = new(
        "vector-to-image", "GEN VTOI", LoaderSignature, OldestVersion: ModelFormat.FirstDefinition);

    private readonly ImageConversionDefinition _definition;
    private readonly RowEngine _engine;

    internal VectorToImageTransformer(IHost host, ImageConversionDefinition definition)
    {
        // Rows are computed in a scope of tensors.
        TorchRuntime.EnsureLoaded();
        _definition = definition;
        _engine = new RowEngine(host, this, Bind, RowsAtOnce, network: null);
    }

    bool ITransformer.IsRowToRowMapper => true;

    /// <inheritdoc/>
    public IDataView Transform(IDataView input) => _engine.Transform(input);

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _engine.GetOutputSchema(inputSchema);

    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => _engine.GetRowToRowMapper(inputSchema);

    private RowMapping Bind(DataViewSchema schema)
    {
        ImageShape shape = _definition.Shape;
        var planes = new PlanesInput(TensorColumn.Features(schema, _definition.Input, shape, ValueRange.Finite));
        return new RowMapping([planes], [RowOutput.Images(_definition.Output, shape, planes)]);
    }

    void ICanSaveModel.Save(ModelSaveContext ctx) => ModelFile.Save(ctx, _format, _definition, []);

    // ML.NET finds the loader by this name and signature.
    private static VectorToImageTransformer Create(IHostEnvironment env, ModelLoadContext ctx) =>
        ModelFile.Load<ImageConversionDefinition, VectorToImageTransformer>(
            env, ctx, _format, file => new VectorToImageTransformer(file.Host, file.Definition));

    /// <summary>Refuses further calls. There is no memory to release.</summary>
    public void Dispose() => _engine.Dispose();
}
