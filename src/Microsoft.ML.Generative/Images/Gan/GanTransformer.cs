using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Images.Gan;
using Microsoft.ML.Generative.Images.Gan.Networks;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Runtime;
using TorchSharp;

[assembly: LoadableClass(typeof(GanTransformer), null, typeof(SignatureLoadModel), "Generative adversarial network", GanTransformer.LoaderSignature)]

namespace Microsoft.ML.Generative;

/// <summary>A trained generator: draws new rows, walks between them, finds the z of given ones, and adds a drawn row to rows.</summary>
/// <remarks>Its columns are listed at <see cref="GanEstimator"/>. All methods may be called from several threads.</remarks>
/// <example>
/// <code>
/// GanTransformer model = mlContext.Transforms.Generative().Gan("Image", "Label").Fit(data);
/// IDataView images = model.Generate(16, new() { Seed = 7, Label = 3 });
/// mlContext.Model.Save(model, data.Schema, "gan.zip");
/// </code>
/// </example>
public sealed partial class GanTransformer : ITransformer, IDisposable
{
    internal const string LoaderSignature = "GenerativeGan";
    internal const string GeneratedColumnName = "Generated";

    private static readonly ModelFormat _format = new("gan", "GEN GAN ", LoaderSignature);

    private readonly GanConfig _config;
    private readonly GeneratorNetwork _network;
    private readonly torch.Device _device;
    private readonly RowEngine _engine;

    internal GanTransformer(IHost host, GanConfig config, GeneratorNetwork network, torch.Device device)
    {
        _config = config;
        _network = network;
        _device = device;
        _network.eval();
        _engine = new RowEngine(host, this, Bind, config.Options.TransformBatchSize, network);
    }

    /// <summary>Dimensions of z.</summary>
    public int LatentSize => _config.Options.LatentSize;

    /// <summary>Values in a row: channels × height × width for images.</summary>
    public int RowSize => _config.RowSize;

    /// <summary>Classes that the model is conditioned on; 0 for a model without labels.</summary>
    public int LabelCount => _config.LabelCount;

    bool ITransformer.IsRowToRowMapper => true;

    /// <inheritdoc/>
    public IDataView Transform(IDataView input) => _engine.Transform(input);

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _engine.GetOutputSchema(inputSchema);

    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => _engine.GetRowToRowMapper(inputSchema);

    internal GanConfig Config => _config;

    internal GeneratorNetwork Network => _network;

    /// <summary>What a training reads: rows, then labels if there are some.</summary>
    internal static TensorColumn[] TrainingTensors(DataViewSchema schema, GanOptions options, ImageShape? shape, int labelCount)
    {
        TensorColumn rows = FeatureColumn(schema, options, shape);
        return options.LabelColumnName is { } label ? [rows, TensorColumn.Label(schema, label, labelCount)] : [rows];
    }

    private static TensorColumn FeatureColumn(DataViewSchema schema, GanOptions options, ImageShape? shape) =>
        TensorColumn.Features(schema, options.InputColumnName, shape, shape is null ? ValueRange.Finite : ValueRange.Unit);

    internal static OutputColumn[] OutputColumns(GanOptions options) => [new(options.GeneratedColumnName, NumberDataViewType.Single, IsVector: true)];

    private RowMapping Bind(DataViewSchema schema)
    {
        GanOptions options = _config.Options;
        TensorInput? labels = options.LabelColumnName is { } label ? new(TensorColumn.Label(schema, label, LabelCount), _device) : null;
        TensorInput? seeds = options.SeedColumnName is { } seed ? new(TensorColumn.Seed(schema, seed), _device) : null;
        TensorInput? x = seeds is null ? new(FeatureColumn(schema, options, _config.Shape), _device) : null;
        // Where there is a seed it alone decides, so that one seed shows the same z in all classes.
        TensorInput?[] sources = seeds is null ? [labels, x] : [seeds];
        return new RowMapping([labels, seeds, x],
        [
            RowOutput.Numbers(options.GeneratedColumnName, _config.RowType, rows => Draw(
                LatentSamples.Of(rows.Keys(_config.Seed, sources), LatentSize, options.Truncation).to(_device), labels?.Of(rows))),
        ]);
    }

    // [batch, ..row shape]; images in 0..1.
    private torch.Tensor Draw(torch.Tensor z, torch.Tensor? labels)
    {
        torch.Tensor drawn = _network.Forward(z, labels);
        return _config.Shape is null ? drawn : PixelScale.Unsigned(drawn);
    }

    void ICanSaveModel.Save(ModelSaveContext ctx)
    {
        using IDisposable use = _engine.Use();
        ModelFile.Save(ctx, _format, _config, _network);
    }

    // ML.NET finds the loader by this name and signature.
    private static GanTransformer Create(IHostEnvironment env, ModelLoadContext ctx)
    {
        IHost host = env.Register(LoaderSignature);
        GanConfig config = ModelFile.LoadConfig<GanConfig>(host, ctx, _format);
        (GeneratorNetwork network, torch.Device device) = ModelFile.LoadNetwork(host, ctx, config);
        return new GanTransformer(host, config, network, device);
    }

    /// <summary>Releases the network's memory when the last call that uses it has returned.</summary>
    public void Dispose() => _engine.Dispose();
}
