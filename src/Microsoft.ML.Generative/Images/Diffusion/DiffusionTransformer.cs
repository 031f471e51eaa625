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
public sealed partial class DiffusionTransformer : ITransformer, IDisposable
{
    internal const string LoaderSignature = "GenerativeDiffusion";
    internal const string GeneratedColumnName = "Generated";

    private static readonly ModelFormat _format = new("diffusion", "GEN DIFF", LoaderSignature);

    private readonly DiffusionConfig _config;
    private readonly DenoiserNetwork _network;
    private readonly torch.Device _device;
    private readonly RowEngine _engine;

    internal DiffusionTransformer(IHost host, DiffusionConfig config, DenoiserNetwork network, torch.Device device)
    {
        _config = config;
        _network = network;
        _device = device;
        _network.eval();
        _engine = new RowEngine(host, this, Bind, config.Options.TransformBatchSize, network);
    }

    /// <summary>Values in a row: channels × height × width.</summary>
    public int RowSize => _config.Shape.Size;

    /// <summary>Classes that the model is conditioned on; 0 for a model without labels.</summary>
    public int LabelCount => _config.LabelCount;

    /// <summary>Timesteps that the model was trained with: the most steps that a sampler can take.</summary>
    public int TrainTimesteps => _config.Options.NoiseSchedule.TrainTimesteps;

    bool ITransformer.IsRowToRowMapper => true;

    /// <inheritdoc/>
    public IDataView Transform(IDataView input) => _engine.Transform(input);

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _engine.GetOutputSchema(inputSchema);

    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => _engine.GetRowToRowMapper(inputSchema);

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
        using IDisposable use = _engine.Use();
        PretrainedDiffusion.Save(folder, _config, _network);
    }

    internal DiffusionConfig Config => _config;

    internal DenoiserNetwork Network => _network;

    internal torch.Device Device => _device;

    internal IDisposable Use() => _engine.Use();

    /// <summary>What a training reads: images, then labels and smaller images if there are some.</summary>
    internal static TensorColumn[] TrainingTensors(DataViewSchema schema, DiffusionConfig config)
    {
        DiffusionOptions options = config.Options;
        List<TensorColumn> columns = [TensorColumn.Features(schema, options.InputColumnName, config.Shape, ValueRange.Unit)];
        if (options.LabelColumnName is { } label)
            columns.Add(TensorColumn.Label(schema, label, config.LabelCount));
        if (options.LowResolutionColumnName is { } low)
            columns.Add(TensorColumn.Features(schema, low, config.LowResolution, ValueRange.Unit));
        return [.. columns];
    }

    internal static OutputColumn[] OutputColumns(DiffusionOptions options) => [new(options.GeneratedColumnName, NumberDataViewType.Single, IsVector: true)];

    private RowMapping Bind(DataViewSchema schema)
    {
        DiffusionOptions options = _config.Options;
        // The image is read only where the generated one depends on it.
        bool readsImage = options.TransformStrength < 1 || (options.SeedColumnName is null && options.LowResolutionColumnName is null);
        TensorInput? image = readsImage ? new(TensorColumn.Features(schema, options.InputColumnName, _config.Shape, ValueRange.Unit), _device) : null;
        TensorInput? labels = options.LabelColumnName is { } label ? new(TensorColumn.Label(schema, label, LabelCount), _device) : null;
        TensorInput? low = options.LowResolutionColumnName is { } name
            ? new(TensorColumn.Features(schema, name, _config.LowResolution, ValueRange.Unit), _device) : null;
        TensorInput? seeds = options.SeedColumnName is { } seed ? new(TensorColumn.Seed(schema, seed), _device) : null;
        TensorInput?[] sources = seeds is null ? [image, labels, low] : [seeds];
        return new RowMapping([image, labels, low, seeds],
        [
            RowOutput.Numbers(options.GeneratedColumnName, _config.RowType, rows =>
                DrawForRows(rows.Keys(_config.Seed, sources), image?.Of(rows), labels?.Of(rows), low?.Of(rows))),
        ]);
    }

    private torch.Tensor DrawForRows(long[] keys, torch.Tensor? images, torch.Tensor? labels, torch.Tensor? small)
    {
        DiffusionOptions options = _config.Options;
        torch.Tensor? low = small is null ? null : DiffusionInputs.Enlarge(small, _config.Shape);
        using NoiseScheduler scheduler = OpenScheduler(new DiffusionGenerateOptions { GuidanceScale = options.GuidanceScale });
        var prediction = new GuidedPrediction(
            _network, new DiffusionInputs(torch.empty(0), labels, low), _config.NullLabel, options.GuidanceScale, rescale: 0);
        SamplingLoop drawing = new SamplingLoop(scheduler, prediction, new ImageNoise(keys, _config.Shape, _device)) { Check = _engine.Host.CheckAlive };
        torch.Tensor drawn = options.TransformStrength < 1
            ? drawing.Change(PixelScale.Signed(images!), options.TransformStrength)
            : drawing.Draw();
        return PixelScale.Unsigned(drawn);
    }

    void ICanSaveModel.Save(ModelSaveContext ctx)
    {
        using IDisposable use = _engine.Use();
        ModelFile.Save(ctx, _format, _config, _network);
    }

    // ML.NET finds the loader by this name and signature.
    private static DiffusionTransformer Create(IHostEnvironment env, ModelLoadContext ctx)
    {
        IHost host = env.Register(LoaderSignature);
        DiffusionConfig config = ModelFile.LoadConfig<DiffusionConfig>(host, ctx, _format);
        (DenoiserNetwork network, torch.Device device) = ModelFile.LoadNetwork(host, ctx, config);
        return new DiffusionTransformer(host, config, network, device);
    }

    /// <summary>Releases the network's memory when the last call that uses it has returned.</summary>
    public void Dispose() => _engine.Dispose();
}
