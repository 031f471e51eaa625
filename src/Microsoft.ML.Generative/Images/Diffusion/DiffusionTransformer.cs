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
    private readonly DenoiserNetwork _network;
    private readonly torch.Device _device;
    private readonly DiffusionGenerator _generator;
    private readonly RowEngine _engine;

    internal DiffusionTransformer(IHost host, DiffusionDefinition definition, DenoiserNetwork network, torch.Device device)
    {
        _definition = definition;
        _network = network;
        _device = device;
        _generator = new DiffusionGenerator(host, definition, network, device);
        _network.eval();
        _engine = new RowEngine(host, this, Bind, definition.Defaults.TransformBatchSize, network);
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

    bool ITransformer.IsRowToRowMapper => true;

    torch.nn.Module IBaseModel.Network => _network;

    /// <inheritdoc/>
    public IDataView Transform(IDataView input) => _engine.Transform(input);

    /// <inheritdoc/>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => _engine.GetOutputSchema(inputSchema);

    IRowToRowMapper ITransformer.GetRowToRowMapper(DataViewSchema inputSchema) => _engine.GetRowToRowMapper(inputSchema);

    IDisposable IBaseModel.Use() => _engine.Use();

    void IBaseModel.RunExample(int rows, int tokens) => _network.Forward(
        torch.zeros([rows, .. _definition.Architecture.Shape.Dimensions], device: _device), torch.zeros([rows], device: _device),
        _definition.Conditions.Example(rows, _device));

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
        PretrainedDiffusion.Save(folder, _definition, _network);
    }

    internal DiffusionDefinition Definition => _definition;

    internal DenoiserNetwork Network => _network;

    internal torch.Device Device => _device;

    internal IDisposable Use() => _engine.Use();

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
            ? new(TensorColumn.Features(schema, columns.Input, architecture.Shape, ValueRange.Unit), _device)
            : null;
        TensorInput[] conditions = TensorInput.All(_definition.Conditions.OpenColumns(schema), _device);
        TensorInput? seeds = columns.Seed is { } seed ? new(TensorColumn.Seed(schema, seed), _device) : null;
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
        ModelFile.Save(ctx, _format, _definition, [_network]);
    }

    // ML.NET finds the loader by this name and signature.
    private static DiffusionTransformer Create(IHostEnvironment env, ModelLoadContext ctx) =>
        ModelFile.Load<DiffusionDefinition, DiffusionTransformer>(env, ctx, _format, file => new DiffusionTransformer(
            file.Host, file.Definition, file.Read(file.Definition.Denoiser), file.Device));

    /// <summary>Releases the network's memory when the last call that uses it has returned.</summary>
    public void Dispose() => _engine.Dispose();
}
