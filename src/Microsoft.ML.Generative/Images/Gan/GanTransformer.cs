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

    private readonly GanDefinition _definition;
    private readonly GeneratorNetwork _network;
    private readonly torch.Device _device;

    internal GanTransformer(IHost host, GanDefinition definition, GeneratorNetwork network, torch.Device device)
        : base(host)
    {
        _definition = definition;
        _network = network;
        _device = device;
        _network.eval();
    }

    /// <summary>Dimensions of z.</summary>
    public int LatentSize => _definition.Architecture.LatentSize;

    /// <summary>Values in a row: channels × height × width for images.</summary>
    public int RowSize => _definition.Architecture.Row.Size;

    /// <summary>Classes that the model is conditioned on; 0 for a model without labels.</summary>
    public int LabelCount => _definition.Architecture.LabelCount;

    internal GanDefinition Definition => _definition;

    internal GeneratorNetwork Network => _network;

    private protected override int RowsAtOnce => _definition.Defaults.TransformBatchSize;

    internal override IReadOnlyList<string> InputColumns => [.. RowInputColumns(_definition.Columns)];

    /// <summary>What a training reads: rows, then labels if there are some.</summary>
    internal static TensorColumn[] TrainingTensors(DataViewSchema schema, GanColumns columns, ImageShape? shape, int labelCount)
    {
        TensorColumn rows = TensorColumn.Features(schema, columns.Input, shape, shape is null ? ValueRange.Finite : ValueRange.Unit);
        return columns.Label is { } label ? [rows, TensorColumn.Label(schema, label, labelCount)] : [rows];
    }

    internal static OutputColumn[] OutputColumns(GanColumns columns) => [new(columns.Generated, NumberDataViewType.Single, IsVector: true)];

    internal override DataViewSchema.DetachedColumn[] MakeOutputColumns(DataViewSchema inputSchema)
    {
        ThrowIfDisposed();
        OpenColumns(inputSchema);
        return [new DataViewSchema.DetachedColumn(_definition.Columns.Generated, _definition.Architecture.Row.Type)];
    }

    internal override IRowBatch MakeBatch(DataViewRow input, Func<int, bool> activeOutput, int slots) => new TensorRowBatch(
        OpenColumns(input.Schema), input, MakeOutputColumns(input.Schema), activeOutput, slots, _device, rows => activeOutput(0) ? [DrawForRows(rows)] : []);

    // The class, if there is one, then what z is drawn from: the seed, or else the row itself.
    private static IEnumerable<string> RowInputColumns(GanColumns columns)
    {
        if (columns.Label is { } label)
            yield return label;
        yield return columns.Seed ?? columns.Input;
    }

    private TensorColumn[] OpenColumns(DataViewSchema schema)
    {
        (GanColumns columns, ImageShape? shape) = (_definition.Columns, _definition.Architecture.Row.Image);
        TensorColumn source = columns.Seed is { } seed
            ? TensorColumn.Label(schema, seed, long.MaxValue)
            : TensorColumn.Features(schema, columns.Input, shape, shape is null ? ValueRange.Finite : ValueRange.Unit);
        return columns.Label is { } label ? [TensorColumn.Label(schema, label, LabelCount), source] : [source];
    }

    private torch.Tensor DrawForRows(RowInputs rows)
    {
        ThrowIfDisposed();
        bool hasLabels = LabelCount > 0;
        // Where there is a seed it alone decides, so that one seed shows the same z in all classes.
        int[] sources = _definition.Columns.Seed is null && hasLabels ? [0, 1] : [hasLabels ? 1 : 0];
        torch.Tensor z = LatentSamples.Of(rows.Keys(_definition.Defaults.Seed, sources), LatentSize, _definition.Defaults.Truncation).to(_device);
        return Draw(z, hasLabels ? rows.Batch[0] : null);
    }

    // [batch, ..row shape]; images in 0..1.
    private torch.Tensor Draw(torch.Tensor z, torch.Tensor? labels)
    {
        torch.Tensor drawn = _network.Forward(z, labels);
        return _definition.Architecture.Row.Image is null ? drawn : PixelScale.Unsigned(drawn);
    }

    private protected override void Save(ModelSaveContext ctx) => ModelFile.Save(ctx, _format, _definition, _network);

    // ML.NET finds the loader by this name and signature.
    private static GanTransformer Create(IHostEnvironment env, ModelLoadContext ctx)
    {
        IHost host = env.Register(LoaderSignature);
        GanDefinition definition = ModelFile.LoadDefinition<GanDefinition>(host, ctx, _format);
        (GeneratorNetwork network, torch.Device device) = ModelFile.LoadNetwork(host, ctx, definition);
        return new GanTransformer(host, definition, network, device);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _network.Dispose();
}
