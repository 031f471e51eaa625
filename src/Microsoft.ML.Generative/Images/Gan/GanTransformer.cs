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
public sealed partial class GanTransformer : BatchTransformer
{
    internal const string LoaderSignature = "GenerativeGan";
    internal const string GeneratedColumnName = "Generated";

    private static readonly ModelFormat _format = new("gan", "GEN GAN ", LoaderSignature);

    private readonly GanConfig _config;
    private readonly GeneratorNetwork _network;
    private readonly torch.Device _device;

    internal GanTransformer(IHost host, GanConfig config, GeneratorNetwork network, torch.Device device)
        : base(host)
    {
        _config = config;
        _network = network;
        _device = device;
        _network.eval();
    }

    /// <summary>Dimensions of z.</summary>
    public int LatentSize => _config.Options.LatentSize;

    /// <summary>Values in a row: channels × height × width for images.</summary>
    public int RowSize => _config.RowSize;

    /// <summary>Classes that the model is conditioned on; 0 for a model without labels.</summary>
    public int LabelCount => _config.LabelCount;

    internal GanConfig Config => _config;

    internal GeneratorNetwork Network => _network;

    private protected override int RowsAtOnce => _config.Options.TransformBatchSize;

    internal override IReadOnlyList<string> InputColumns => [.. RowInputColumns(_config.Options)];

    /// <summary>What a training reads: rows, then labels if there are some.</summary>
    internal static TensorColumn[] TrainingTensors(DataViewSchema schema, GanOptions options, ImageShape? shape, int labelCount)
    {
        TensorColumn rows = TensorColumn.Features(schema, options.InputColumnName, shape, shape is null ? ValueRange.Finite : ValueRange.Unit);
        return options.LabelColumnName is { } label ? [rows, TensorColumn.Label(schema, label, labelCount)] : [rows];
    }

    internal static OutputColumn[] OutputColumns(GanOptions options) => [new(options.GeneratedColumnName, NumberDataViewType.Single, IsVector: true)];

    internal override DataViewSchema.DetachedColumn[] MakeOutputColumns(DataViewSchema inputSchema)
    {
        ThrowIfDisposed();
        OpenColumns(inputSchema);
        return [new DataViewSchema.DetachedColumn(_config.Options.GeneratedColumnName, _config.RowType)];
    }

    internal override IRowBatch MakeBatch(DataViewRow input, Func<int, bool> activeOutput, int slots) => new TensorRowBatch(
        OpenColumns(input.Schema), input, MakeOutputColumns(input.Schema), activeOutput, slots, _device, rows => activeOutput(0) ? [DrawForRows(rows)] : []);

    // The class, if there is one, then what z is drawn from: the seed, or else the row itself.
    private static IEnumerable<string> RowInputColumns(GanOptions options)
    {
        if (options.LabelColumnName is { } label)
            yield return label;
        yield return options.SeedColumnName ?? options.InputColumnName;
    }

    private TensorColumn[] OpenColumns(DataViewSchema schema)
    {
        GanOptions options = _config.Options;
        TensorColumn source = options.SeedColumnName is { } seed
            ? TensorColumn.Label(schema, seed, long.MaxValue)
            : TensorColumn.Features(schema, options.InputColumnName, _config.Shape, _config.Shape is null ? ValueRange.Finite : ValueRange.Unit);
        return options.LabelColumnName is { } label ? [TensorColumn.Label(schema, label, LabelCount), source] : [source];
    }

    private torch.Tensor DrawForRows(RowInputs rows)
    {
        ThrowIfDisposed();
        bool hasLabels = LabelCount > 0;
        // Where there is a seed it alone decides, so that one seed shows the same z in all classes.
        int[] sources = _config.Options.SeedColumnName is null && hasLabels ? [0, 1] : [hasLabels ? 1 : 0];
        torch.Tensor z = LatentSamples.Of(rows.Keys(_config.Seed, sources), LatentSize, _config.Options.Truncation).to(_device);
        return Draw(z, hasLabels ? rows.Batch[0] : null);
    }

    // [batch, ..row shape]; images in 0..1.
    private torch.Tensor Draw(torch.Tensor z, torch.Tensor? labels)
    {
        torch.Tensor drawn = _network.Forward(z, labels);
        return _config.Shape is null ? drawn : PixelScale.Unsigned(drawn);
    }

    private protected override void Save(ModelSaveContext ctx) => ModelFile.Save(ctx, _format, _config, _network);

    // ML.NET finds the loader by this name and signature.
    private static GanTransformer Create(IHostEnvironment env, ModelLoadContext ctx)
    {
        IHost host = env.Register(LoaderSignature);
        GanConfig config = ModelFile.LoadConfig<GanConfig>(host, ctx, _format);
        (GeneratorNetwork network, torch.Device device) = ModelFile.LoadNetwork(host, ctx, config);
        return new GanTransformer(host, config, network, device);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _network.Dispose();
}
