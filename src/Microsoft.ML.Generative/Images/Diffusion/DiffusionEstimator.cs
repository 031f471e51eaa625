using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Diffusion;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative;

/// <summary>Trains a diffusion model on images: it learns to remove noise, and generates new images from noise alone.</summary>
/// <remarks>
/// <para>
/// Create with <see cref="GenerativeTransformsCatalog.Diffusion(string, int?, string?)"/> or
/// <see cref="GenerativeTransformsCatalog.Diffusion(DiffusionOptions)"/>.
/// </para>
/// <list type="table">
/// <listheader><term>column (default name)</term><description>type and meaning</description></listheader>
/// <item><term>input (Image)</term><description>image of one size, or known-size vector of Single or Byte with the shape of an image: what
/// to learn.</description></item>
/// <item><term>input, optional (none)</term><description>key, Boolean or whole number from 0: the class that the image is conditioned
/// on.</description></item>
/// <item><term>input, optional (none)</term><description>smaller images to be enlarged.</description></item>
/// <item><term>input, optional (none)</term><description>integer from 0: the seed of the image that the trained model generates for the
/// row.</description></item>
/// <item><term>output (Generated)</term><description>vector of Single, channels × height × width values in 0..1: an image generated for the
/// row.</description></item>
/// <item><term>output, optional (none)</term><description>image of ML.NET: what is generated for the row as an image.</description></item>
/// </list>
/// <para>
/// Task: generation · normalization: pixels in 0..1 (bytes are scaled) · caching: not needed (reads once) · GPU: yes · same seed,
/// same weights on the CPU: yes · exact resume: yes.
/// </para>
/// <para>
/// Ho, Jain, Abbeel, "Denoising diffusion probabilistic models", 2020, <see href="https://arxiv.org/abs/2006.11239"/>; schedules and
/// learned variances: Nichol, Dhariwal, 2021, <see href="https://arxiv.org/abs/2102.09672"/>; guidance: Ho, Salimans, 2022; flow matching:
/// Lipman et al., 2022,
/// <see href="https://arxiv.org/abs/2210.02747"/>; transformer: Peebles, Xie, 2023, <see href="https://arxiv.org/abs/2212.09748"/>.
/// </para>
/// </remarks>
/// <seealso cref="DiffusionTransformer"/>
public sealed class DiffusionEstimator : IEstimator<DiffusionTransformer>
{
    private readonly IHostEnvironment _env;
    private readonly IHost _host;
    private readonly DiffusionOptions _options;

    internal DiffusionEstimator(IHostEnvironment env, DiffusionOptions options)
    {
        _options = TrainingOptions.ForTraining(options);
        _env = env;
        _host = env.Register(nameof(DiffusionEstimator));
    }

    /// <summary>Trains on the rows of <paramref name="input"/>.</summary>
    /// <param name="input">
    /// Data with the column <see cref="DiffusionOptions.InputColumnName"/>, and those of labels and smaller images if the options name
    /// some.
    /// </param>
    /// <returns>The trained model. Dispose of it to release its memory early.</returns>
    /// <exception cref="ArgumentException">
    /// A column is missing or of another type or size, the data is empty, or an option does not fit it.
    /// </exception>
    /// <exception cref="InvalidDataException">
    /// A row cannot be used: an image of another size, a value that is not finite or out of 0..1.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// libtorch or the GPU asked for is missing, the checkpoints are of another training, or the loss stopped being finite.
    /// </exception>
    /// <exception cref="IOException">The folder of checkpoints, samples or TensorBoard cannot be used.</exception>
    /// <exception cref="OperationCanceledException">The training was canceled.</exception>
    public DiffusionTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        TorchRuntime.Preload();
        ImageShape shape = _options.Columns.FindImages(input);
        ImageShape? low = _options.LowResolutionColumnName is { } name ? FindLowResolution(input, name, shape) : null;
        LabelClasses classes = _options.Columns.FindClasses(input, _options.BaseModel?.Definition.Columns.Classes);
        DiffusionArchitecture architecture = _options.BaseModel?.Definition.Architecture
            ?? DiffusionArchitecture.Of(_options, shape, classes.Count, low);
        if (low != architecture.LowResolution)
            throw new ArgumentException(
                $"Column '{_options.LowResolutionColumnName}' holds images of {low}, but the base model is conditioned on images of "
                + $"{architecture.LowResolution}.");
        architecture.Validate();
        DiffusionColumns names = DiffusionColumns.Of(_options) with { Classes = classes.Labels };
        TensorColumn[] columns = DiffusionTransformer.TrainingTensors(input.Schema, architecture, names);
        TensorColumn[]? validationColumns = _options.OpenValidation(
            schema => DiffusionTransformer.TrainingTensors(schema, architecture, names));

        return Trainer.Fit(_env, _host, _options, trainer =>
        {
            var definition = new DiffusionDefinition(architecture, names, DiffusionDefaults.Of(_options, trainer.Seed) with
            {
                Scheduler = _options.BaseModel?.Definition.Defaults.Scheduler,
            });
            using AdapterTraining<DenoiserNetwork>? adapters =
                _options.TrainsAdapter ? _options.BaseModel!.OpenAdapters(trainer, _options.Adapter, _options.Dropout) : null;
            DenoiserNetwork network =
                adapters?.Network ?? trainer.CreateNetwork(() => architecture.CreateNetwork(_options.Dropout));
            TrainingData data = trainer.Read(input, columns, validationColumns);
            using var objective = new DiffusionObjective(architecture, definition.Conditions, _options, network, trainer.Device);
            var phase = new TrainingPhase(trainer.Prepare("diffusion", network), data.Batches, objective.Losses);
            trainer.Train([phase], data.ValidationBatches, DiffusionPreview.Open(trainer.Run, definition, network, data.PreviewRows));
            return new DiffusionTransformer(
                _host, definition, adapters?.Finish() ?? new AdaptedNetwork<DenoiserNetwork>(network), trainer.Device);
        });
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        _options.Columns.Check(inputSchema);
        if (_options.LowResolutionColumnName is { } low)
            ColumnTypes.CheckFeatures(inputSchema, low);
        return OutputColumn.Promise(inputSchema, DiffusionTransformer.OutputColumns(DiffusionColumns.Of(_options)));
    }

    private static ImageShape FindLowResolution(IDataView input, string name, ImageShape shape) =>
        ColumnTypes.FindShape(input, name, shape.Channels, height: null, width: null)
        ?? throw ColumnTypes.UnknownShape(name, $"expected images, or vectors with a shape of {shape.Channels} × height × width");
}
