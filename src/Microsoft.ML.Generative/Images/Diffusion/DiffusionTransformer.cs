using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Images.Diffusion;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Images.Diffusion.Pretrained;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Schedulers;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Runtime;
using TorchSharp;

[assembly: LoadableClass(typeof(DiffusionTransformer), null, typeof(SignatureLoadModel), "Diffusion model", DiffusionTransformer.LoaderSignature)]

namespace Microsoft.ML.Generative;

/// <summary>A trained diffusion model: draws new images, changes and completes given ones, and adds a drawn image to rows.</summary>
/// <remarks>Its columns are listed at <see cref="DiffusionEstimator"/>. All methods may be called from several threads.</remarks>
/// <example>
/// <code>
/// DiffusionTransformer model = mlContext.Transforms.Generative().Diffusion("Image", "Label").Fit(data);
/// IDataView images = model.Generate(16, new() { Seed = 7, Label = 3, GuidanceScale = 3, Steps = 50 });
/// mlContext.Model.Save(model, data.Schema, "diffusion.zip");
/// </code>
/// </example>
public sealed partial class DiffusionTransformer : BatchTransformer
{
    internal const string LoaderSignature = "GenerativeDiffusion";
    internal const string GeneratedColumnName = "Generated";

    private static readonly ModelFormat _format = new("diffusion", "GEN DIFF", LoaderSignature);

    private readonly DiffusionDefinition _definition;
    private readonly DenoiserNetwork _network;
    private readonly torch.Device _device;

    internal DiffusionTransformer(IHost host, DiffusionDefinition definition, DenoiserNetwork network, torch.Device device)
        : base(host)
    {
        _definition = definition;
        _network = network;
        _device = device;
        _network.eval();
    }

    /// <summary>Values in a row: channels × height × width.</summary>
    public int RowSize => _definition.Architecture.Shape.Size;

    /// <summary>Classes that the model is conditioned on; 0 for a model without labels.</summary>
    public int LabelCount => _definition.Architecture.LabelCount;

    /// <summary>Timesteps that the model was trained with: the most steps that a sampler can take.</summary>
    public int TrainTimesteps => _definition.Architecture.NoiseSchedule.TrainTimesteps;

    /// <summary>Writes the model as a folder in the layout of diffusers, which its <c>DDPMPipeline</c> and those like it read.</summary>
    /// <param name="folder">The folder; made where it is missing. A file appears under its name only when it is complete.</param>
    /// <exception cref="NotSupportedException">diffusers has no pipeline for such a model; the message says why.</exception>
    /// <exception cref="IOException">The folder cannot be written to.</exception>
    /// <example>
    /// <code>
    /// DiffusionTransformer model = mlContext.Transforms.Generative().Diffusion("Image").Fit(data);
    /// model.SavePretrained("my-model");   // model_index.json, unet/, scheduler/
    /// DiffusionTransformer again = mlContext.Generative().LoadPretrainedDiffusion("my-model");
    /// </code>
    /// </example>
    public void SavePretrained(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        ThrowIfDisposed();
        PretrainedDiffusion.Save(folder, _definition, _network);
    }

    internal DiffusionDefinition Definition => _definition;

    internal DenoiserNetwork Network => _network;

    internal torch.Device Device => _device;

    private protected override int RowsAtOnce => _definition.Defaults.TransformBatchSize;

    internal override IReadOnlyList<string> InputColumns => [.. RowInputColumns(_definition).Select(c => c.Name)];

    /// <summary>What a training reads: images, then labels and smaller images if there are some.</summary>
    internal static TensorColumn[] TrainingTensors(DataViewSchema schema, DiffusionArchitecture architecture, DiffusionColumns names)
    {
        List<TensorColumn> columns = [TensorColumn.Features(schema, names.Input, architecture.Shape, ValueRange.Unit)];
        if (names.Label is { } label)
            columns.Add(TensorColumn.Label(schema, label, architecture.LabelCount));
        if (names.LowResolution is { } low)
            columns.Add(TensorColumn.Features(schema, low, architecture.LowResolution, ValueRange.Unit));
        return [.. columns];
    }

    internal static OutputColumn[] OutputColumns(DiffusionColumns columns) => [new(columns.Generated, NumberDataViewType.Single, IsVector: true)];

    internal override DataViewSchema.DetachedColumn[] MakeOutputColumns(DataViewSchema inputSchema)
    {
        ThrowIfDisposed();
        OpenColumns(inputSchema);
        return [new DataViewSchema.DetachedColumn(_definition.Columns.Generated, _definition.Architecture.RowType)];
    }

    internal override IRowBatch MakeBatch(DataViewRow input, Func<int, bool> activeOutput, int slots) => new TensorRowBatch(
        OpenColumns(input.Schema), input, MakeOutputColumns(input.Schema), activeOutput, slots, _device, rows => activeOutput(0) ? [DrawForRows(rows)] : []);

    // What rows are drawn from, as far as it plays a part.
    private static IEnumerable<(string Name, RowInputKind Kind)> RowInputColumns(DiffusionDefinition definition)
    {
        DiffusionColumns columns = definition.Columns;
        bool readsImage = definition.Defaults.TransformStrength < 1 || (columns.Seed is null && columns.LowResolution is null);
        if (readsImage)
            yield return (columns.Input, RowInputKind.Image);
        if (columns.Label is { } label)
            yield return (label, RowInputKind.Label);
        if (columns.LowResolution is { } low)
            yield return (low, RowInputKind.LowResolution);
        if (columns.Seed is { } seed)
            yield return (seed, RowInputKind.Seed);
    }

    private TensorColumn[] OpenColumns(DataViewSchema schema) => [.. RowInputColumns(_definition).Select(column => column.Kind switch
    {
        RowInputKind.Image => TensorColumn.Features(schema, column.Name, _definition.Architecture.Shape, ValueRange.Unit),
        RowInputKind.LowResolution => TensorColumn.Features(schema, column.Name, _definition.Architecture.LowResolution, ValueRange.Unit),
        RowInputKind.Label => TensorColumn.Label(schema, column.Name, LabelCount),
        _ => TensorColumn.Label(schema, column.Name, long.MaxValue),
    })];

    private torch.Tensor DrawForRows(RowInputs rows)
    {
        ThrowIfDisposed();
        DiffusionDefaults defaults = _definition.Defaults;
        RowInputKind[] kinds = [.. RowInputColumns(_definition).Select(c => c.Kind)];
        torch.Tensor? Column(RowInputKind kind) => Array.IndexOf(kinds, kind) is >= 0 and var i ? rows.Batch[i] : null;

        int seedColumn = Array.IndexOf(kinds, RowInputKind.Seed);
        long[] keys = rows.Keys(defaults.Seed, seedColumn >= 0 ? [seedColumn] : Enumerable.Range(0, kinds.Length));
        torch.Tensor? low = Column(RowInputKind.LowResolution) is { } small ? DiffusionInputs.Enlarge(small, _definition.Architecture.Shape) : null;
        using NoiseScheduler scheduler = OpenScheduler(new DiffusionGenerateOptions { GuidanceScale = defaults.GuidanceScale });
        var prediction = new GuidedPrediction(
            _network, new DiffusionInputs(torch.empty(0), Column(RowInputKind.Label), low), _definition.Architecture.NullLabel, defaults.GuidanceScale, rescale: 0);
        SamplingLoop drawing = new SamplingLoop(scheduler, prediction, new ImageNoise(keys, _definition.Architecture.Shape, _device)) { Check = Host.CheckAlive };
        torch.Tensor drawn = defaults.TransformStrength < 1
            ? drawing.Change(PixelScale.Signed(Column(RowInputKind.Image)!), defaults.TransformStrength)
            : drawing.Draw();
        return PixelScale.Unsigned(drawn);
    }

    private protected override void Save(ModelSaveContext ctx) => ModelFile.Save(ctx, _format, _definition, _network);

    // ML.NET finds the loader by this name and signature.
    private static DiffusionTransformer Create(IHostEnvironment env, ModelLoadContext ctx)
    {
        IHost host = env.Register(LoaderSignature);
        DiffusionDefinition definition = ModelFile.LoadDefinition<DiffusionDefinition>(host, ctx, _format);
        (DenoiserNetwork network, torch.Device device) = ModelFile.LoadNetwork(host, ctx, definition);
        return new DiffusionTransformer(host, definition, network, device);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _network.Dispose();

    private enum RowInputKind
    {
        Image,
        Label,
        LowResolution,
        Seed,
    }
}
