using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Images.Diffusion;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Images.Diffusion.Pretrained;
using Microsoft.ML.Generative.Images.Diffusion.Sampling;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using TorchSharp;

[assembly: LoadableClass(typeof(DiffusionTransformer), null, typeof(SignatureLoadModel), "Diffusion model",
    DiffusionTransformer.LoaderSignature)]

namespace Microsoft.ML.Generative;

/// <summary>A trained diffusion model: generates images, varies and completes given ones, and adds a generated image to rows.</summary>
/// <remarks>Its columns are listed at <see cref="DiffusionEstimator"/>. All methods may be called from several threads.</remarks>
/// <example>
/// <code>
/// DiffusionTransformer model = mlContext.Transforms.Generative().Diffusion("Image", labelColumnName: "Label").Fit(data);
/// IDataView images = model.Generate(16, new() { Seed = 7, Label = 3, GuidanceScale = 3, Steps = 50 });
/// mlContext.Model.Save(model, data.Schema, "diffusion.zip");
/// </code>
/// </example>
public sealed class DiffusionTransformer : ITransformer, IBaseModel, IDisposable
{
    internal const string LoaderSignature = "GenerativeDiffusion";
    internal const string GeneratedColumnName = "Generated";

    private static readonly ModelFormat _format = new("diffusion", "GEN DIFF", LoaderSignature);

    private readonly DiffusionDefinition _definition;
    private readonly DiffusionGenerator _generator;
    private readonly RowEngine _engine;

    internal DiffusionTransformer(IHost host, DiffusionDefinition definition, DenoiserNetwork network, torch.Device device)
        : this(host, definition, new AdaptedNetwork<DenoiserNetwork>(network), device)
    {
    }

    internal DiffusionTransformer(
        IHost host, DiffusionDefinition definition, AdaptedNetwork<DenoiserNetwork> networks, torch.Device device)
    {
        (_definition, Networks, Device) = (definition, networks, device);
        Network.eval();
        _generator = new DiffusionGenerator(host, definition, Network, device);
        _engine = new RowEngine(
            host, this, Bind, definition.Defaults.TransformBatchSize, new NativeFootprint(networks, networks.All));
    }

    /// <summary>Values of a row: channels × height × width.</summary>
    public int RowSize => _definition.Architecture.Shape.Size;

    /// <summary>Classes that the model is conditioned on; 0 for a model without labels.</summary>
    public int LabelCount => _definition.Architecture.LabelCount;

    /// <summary>
    /// The names of the classes, in the order of their numbers; none for a model without labels, or of labels without names.
    /// </summary>
    public IReadOnlyList<string> ClassNames => _definition.Columns.Classes?.Values ?? [];

    /// <summary>Timesteps that the model was trained with: the most steps that a sampler can take.</summary>
    public int TrainTimesteps => _definition.Architecture.NoiseSchedule.TrainTimesteps;

    /// <summary>The names of the model's adapters.</summary>
    public IReadOnlyList<string> Adapters => Networks.Names;

    /// <summary>The name of the adapter that the model uses; <see langword="null"/>: none.</summary>
    public string? ActiveAdapter => Networks.Active?.Shape.Name;

    bool ITransformer.IsRowToRowMapper => true;

    torch.nn.Module IBaseModel.Network => Network;

    /// <inheritdoc/>
    public IDataView Transform(IDataView input) => _engine.Transform(input);

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _engine.GetOutputSchema(inputSchema);

    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => _engine.GetRowToRowMapper(inputSchema);

    IDisposable IBaseModel.Use() => _engine.Use();

    // An adapter is trained while all else of its network is frozen.
    bool IBaseModel.IsTrained(string parameter) => Networks.Active?.Shape.Tensors.Contains(parameter) ?? true;

    void IBaseModel.RunExample(int rows, int tokens) => Network.Forward(
        torch.zeros([rows, .. _definition.Architecture.Shape.Dimensions], device: Device), torch.zeros([rows], device: Device),
        _definition.Conditions.Example(rows, Device));

    /// <summary>Generates new images from noise.</summary>
    /// <param name="count">The number of images.</param>
    /// <param name="options">Seed, class, guidance, sampler, steps.</param>
    /// <returns>A column Generated of <see cref="RowSize"/> values in 0..1 per row, with the images' shape in the column's type.</returns>
    /// <remarks>The n-th image depends on the options and n alone, not on <paramref name="count"/>, up to rounding.</remarks>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative or an option is out of its range.</exception>
    /// <exception cref="ArgumentException">
    /// A label is too high or not wanted, or an option does not fit the model; the message names it.
    /// </exception>
    /// <exception cref="OperationCanceledException">The generation was canceled.</exception>
    public IDataView Generate(int count, DiffusionGenerateOptions? options = null)
    {
        using IDisposable use = _engine.Use();
        return _generator.Generate(count, options);
    }

    /// <summary>Generates variations of an image: noise is added to it, and removed (SDEdit; Meng et al. 2021).</summary>
    /// <param name="image"><see cref="RowSize"/> values in 0..1, plane by plane.</param>
    /// <param name="strength">How far to go from it: 0 keeps it, 1 generates a new one.</param>
    /// <param name="count">The number of images.</param>
    /// <param name="options">As for <see cref="Generate"/>.</param>
    /// <returns>As <see cref="Generate"/>.</returns>
    /// <exception cref="ArgumentException">
    /// The image has another size or values beyond 0..1, <paramref name="strength"/> is not 0 to 1, or as for <see cref="Generate"/>.
    /// </exception>
    public IDataView ImageToImage(ReadOnlySpan<float> image, double strength, int count = 1, DiffusionGenerateOptions? options = null)
    {
        using IDisposable use = _engine.Use();
        return _generator.ImageToImage(image, strength, count, options);
    }

    /// <summary>Generates a part of an image again and keeps the rest (RePaint; Lugmayr et al. 2022).</summary>
    /// <param name="image"><see cref="RowSize"/> values in 0..1, plane by plane; those where the mask is 1 are ignored.</param>
    /// <param name="mask">1 where to generate, 0 where to keep: height × width values, or <see cref="RowSize"/>.</param>
    /// <param name="count">The number of images.</param>
    /// <param name="options">As for <see cref="Generate"/>; the sampler may not be Heun or PNDM, whose steps overlap.</param>
    /// <param name="resamplings">
    /// How often each step is taken, at least 1: more fit the generated to the kept part, and cost as many times the time; with more than 1
    /// the sampler has to be DDPM or DDIM. The paper has 10.
    /// </param>
    /// <returns>As <see cref="Generate"/>; where the mask is 0, the image's own values.</returns>
    /// <exception cref="ArgumentException">
    /// Image or mask have another size or other values, the sampler cannot do it, or as for <see cref="Generate"/>.
    /// </exception>
    public IDataView Inpaint(
        ReadOnlySpan<float> image, ReadOnlySpan<float> mask, int count = 1, DiffusionGenerateOptions? options = null, int resamplings = 1)
    {
        using IDisposable use = _engine.Use();
        return _generator.Inpaint(image, mask, count, options, resamplings);
    }

    /// <summary>
    /// Interpolates two images through the noise that the model generates each of them from (Song et al. 2020, section 5.3).
    /// </summary>
    /// <param name="from">The first image, <see cref="RowSize"/> values in 0..1, plane by plane.</param>
    /// <param name="to">The last image.</param>
    /// <param name="count">
    /// The number of images, at least 2, both ends included: these are the model's reconstructions of the two, not the two themselves.
    /// </param>
    /// <param name="options">
    /// Class, guidance, steps, batch size; seed and sampler are ignored, since the process to the noise and back is deterministic.
    /// </param>
    /// <returns>As <see cref="Generate"/>.</returns>
    /// <exception cref="ArgumentException">
    /// An image has another size or values beyond 0..1, <paramref name="count"/> is below 2, or as for <see cref="Generate"/>.
    /// </exception>
    public IDataView Interpolate(ReadOnlySpan<float> from, ReadOnlySpan<float> to, int count, DiffusionGenerateOptions? options = null)
    {
        using IDisposable use = _engine.Use();
        return _generator.Interpolate(from, to, count, options);
    }

    /// <summary>
    /// Writes the model as a folder in the layout of diffusers, with a README.md that says which of its pipelines, or which loop, runs it.
    /// </summary>
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
        PretrainedDiffusion.Save(folder, _definition, Network);
    }

    /// <summary>Counts the parameters of the active adapter, which are those that a training of it trains.</summary>
    /// <returns>The number; 0 where the model uses no adapter.</returns>
    public long CountAdapterParameters()
    {
        using IDisposable use = Use();
        return Networks.CountActive();
    }

    /// <summary>Makes a model that uses another of its adapters, or none.</summary>
    /// <param name="name">
    /// The adapter's name; <see langword="null"/>: the base model, exactly as it was before adapters were trained.
    /// </param>
    /// <returns>A model that shares the memory of this one's weights. Each may be disposed of before the other.</returns>
    /// <exception cref="ArgumentException">The model has no such adapter.</exception>
    public DiffusionTransformer WithAdapter(string? name) => Derive(networks => networks.Select(name));

    /// <summary>Makes a model that also has the active adapter of another, and uses it.</summary>
    /// <param name="name">The adapter's name in the new model.</param>
    /// <param name="source">A model with the same network.</param>
    /// <returns>A model that shares the memory of both models' weights. Each may be disposed of before the others.</returns>
    /// <exception cref="ArgumentException">
    /// The name is taken, the other model uses no adapter, or it has another network.
    /// </exception>
    public DiffusionTransformer AddAdapter(string name, DiffusionTransformer source)
    {
        ArgumentNullException.ThrowIfNull(source);
        using IDisposable use = source.Use();
        return Derive(networks => networks.Add(name, source.Networks, source.Networks.Base.IsAlike(Networks.Base)));
    }

    /// <summary>Makes a model that also has a weighted combination of its adapters, and uses it.</summary>
    /// <param name="name">The name of the combination.</param>
    /// <param name="weights">The weight of each adapter, by its name. It may be negative.</param>
    /// <param name="combination">How the adapters are combined.</param>
    /// <returns>A model that shares the memory of this one's weights. Each may be disposed of before the other.</returns>
    /// <exception cref="ArgumentException">
    /// The name is taken, an adapter is missing, or the adapters have ranks that do not fit.
    /// </exception>
    /// <exception cref="NotSupportedException">An adapter is DoRA's, or has trained parameters of the network itself.</exception>
    public DiffusionTransformer CombineAdapters(
        string name, IReadOnlyDictionary<string, double> weights, LoraCombination combination = LoraCombination.Concatenation) =>
        Derive(networks => networks.Combine(name, weights, combination));

    /// <summary>
    /// Writes the active adapter as diffusers does: <c>pytorch_lora_weights.safetensors</c>, with the names of a <c>UNet2DModel</c> or of a
    /// <c>DiTTransformer2DModel</c>.
    /// </summary>
    /// <param name="folder">The folder; it is created if it does not exist, and a file of an earlier adapter is replaced.</param>
    /// <exception cref="InvalidOperationException">The model uses no adapter.</exception>
    /// <exception cref="NotSupportedException">
    /// diffusers has no module like one that has an adapter, or the adapter has trained parameters of the network itself; nothing has been
    /// written then.
    /// </exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void SaveAdapter(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        using IDisposable use = Use();
        DiffusersLora.Save(folder, Networks.Base, Networks.RequireActive());
    }

    /// <summary>
    /// Makes a model that also has an adapter from a folder with diffusers' <c>pytorch_lora_weights.safetensors</c>, and uses it.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <param name="name">The adapter's name in the new model.</param>
    /// <returns>A model that shares the memory of this one's weights. Each may be disposed of before the other.</returns>
    /// <exception cref="ArgumentException">The name is taken.</exception>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="FileNotFoundException">The folder lacks the file.</exception>
    /// <exception cref="InvalidDataException">
    /// The file is damaged, or not of this network: names that are missing or match nothing are listed.
    /// </exception>
    /// <example>
    /// <code>
    /// DiffusionTransformer model = mlContext.Generative().LoadPretrainedDiffusion("models/ddpm-digits");
    /// DiffusionTransformer bold = model.LoadAdapter("adapters/bold");
    /// IDataView images = bold.Generate(16, new() { Seed = 7 });
    /// </code>
    /// </example>
    public DiffusionTransformer LoadAdapter(string folder, string name = LoraOptions.Defaults.Name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        Networks.CheckIsNew(name);
        return Derive(networks => networks.With(DiffusersLora.Load(folder, name, networks.Base)));
    }

    /// <summary>
    /// Makes a model without adapters whose weights have the active adapter's changes in them: it gives the same outputs.
    /// </summary>
    /// <returns>
    /// A model with weights of its own where the adapter changes them; it shares the memory of the others. This model stays as it is, so
    /// that nothing has to be unmerged.
    /// </returns>
    /// <exception cref="InvalidOperationException">The adapter has values that are not finite.</exception>
    public DiffusionTransformer Merge() => Derive(networks => networks.Merge());

    internal DiffusionDefinition Definition => _definition;

    internal AdaptedNetwork<DenoiserNetwork> Networks { get; }

    internal DenoiserNetwork Network => Networks.Network;

    internal torch.Device Device { get; }

    internal IDisposable Use() => _engine.Use();

    /// <summary>Opens a training of an adapter of this model.</summary>
    /// <param name="trainer">The training.</param>
    /// <param name="adapter">The adapter to create; <see langword="null"/>: the active one is trained further.</param>
    /// <param name="dropout">The part of the values that is dropped at random while training.</param>
    internal AdapterTraining<DenoiserNetwork> OpenAdapters(Trainer trainer, LoraOptions? adapter, double dropout = 0)
    {
        using IDisposable use = Use();
        return AdapterTraining<DenoiserNetwork>.Open(
            trainer, Networks.Select(null), adapter, Networks.Active, network => network.Share(dropout));
    }

    /// <summary>The columns that a training reads: images, then their conditions.</summary>
    internal static TensorColumn[] TrainingTensors(DataViewSchema schema, DiffusionArchitecture architecture, DiffusionColumns names)
    {
        TensorColumn images = TensorColumn.Features(schema, names.Input, architecture.Shape, ValueRange.Unit);
        return [images, .. names.Conditions(architecture).OpenColumns(schema)];
    }

    internal static OutputColumn[] OutputColumns(DiffusionColumns columns) =>
        [new(columns.Generated, NumberDataViewType.Single, IsVector: true), .. OutputColumn.Images(columns.GeneratedImage)];

    private RowMapping Bind(DataViewSchema schema)
    {
        (DiffusionArchitecture architecture, DiffusionColumns columns) = (_definition.Architecture, _definition.Columns);
        // The image is read only where the generated one depends on it.
        bool readsImage = _definition.Defaults.TransformStrength < 1 || (columns.Seed is null && columns.LowResolution is null);
        TensorInput? image = readsImage
            ? new(TensorColumn.Features(schema, columns.Input, architecture.Shape, ValueRange.Unit), Device)
            : null;
        TensorInput[] conditions = TensorInput.All(_definition.Conditions.OpenColumns(schema), Device);
        TensorInput? seeds = columns.Seed is { } seed ? new(TensorColumn.Seed(schema, seed), Device) : null;
        TensorInput?[] sources = seeds is null ? [image, .. conditions] : [seeds];
        var generated = new RowValue<torch.Tensor>(rows => _generator.GenerateForRows(
            _definition.Conditions.Encode([.. conditions.Select(c => c.Of(rows))], first: 0), image?.Of(rows),
            rows.Keys(_definition.Defaults.Seed, sources)));
        return new RowMapping([image, .. conditions, seeds],
        [
            RowOutput.Numbers(columns.Generated, architecture.RowType, generated.Of),
            .. RowOutput.OptionalImages(columns.GeneratedImage, architecture.Shape, generated.Of),
        ]);
    }

    void ICanSaveModel.Save(ModelSaveContext ctx)
    {
        using IDisposable use = _engine.Use();
        ModelFile.Save(ctx, _format, _definition with { Adapters = Networks.Shapes, ActiveAdapter = ActiveAdapter }, Networks.Modules);
    }

    // ML.NET finds the loader by this name and signature.
    private static DiffusionTransformer Create(IHostEnvironment env, ModelLoadContext ctx) =>
        ModelFile.Load<DiffusionDefinition, DiffusionTransformer>(env, ctx, _format, file =>
        {
            DenoiserNetwork network = file.Read(file.Definition.Denoiser);
            LoraWeights[] adapters = [.. file.Definition.AdapterComponents.Select(file.Read)];
            return new DiffusionTransformer(
                file.Host, file.Definition, new AdaptedNetwork<DenoiserNetwork>(network, adapters, file.Definition.ActiveAdapter),
                file.Device);
        });

    private DiffusionTransformer Derive(Func<AdaptedNetwork<DenoiserNetwork>, AdaptedNetwork<DenoiserNetwork>> change)
    {
        using IDisposable use = Use();
        return new DiffusionTransformer(_engine.Host, _definition, change(Networks), Device);
    }

    /// <summary>Releases the network's memory when the last call that uses it has returned.</summary>
    public void Dispose() => _engine.Dispose();
}
