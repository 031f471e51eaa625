using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Gan;
using Microsoft.ML.Generative.Images.Gan.Networks;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>
/// Trains a generative adversarial network: a generator learns to generate rows that a discriminator, which learns beside it, cannot
/// distinguish from real ones.
/// </summary>
/// <remarks>
/// <para>
/// Create with <see cref="GenerativeTransformsCatalog.Gan(string, int?, string?)"/> or
/// <see cref="GenerativeTransformsCatalog.Gan(GanOptions)"/>.
/// </para>
/// <list type="table">
/// <listheader><term>column (default name)</term><description>type and meaning</description></listheader>
/// <item><term>input (Image)</term><description>image of one size, or known-size vector of Single or Byte: what to
/// learn.</description></item>
/// <item><term>input, optional (none)</term><description>key, Boolean or whole number from 0: the class that the row is conditioned
/// on.</description></item>
/// <item><term>input, optional (none)</term><description>integer from 0: the seed of what the trained model generates for the
/// row.</description></item>
/// <item><term>output (Generated)</term><description>vector of Single, channels × height × width values in 0..1 for images: what is
/// generated for the row.</description></item>
/// <item><term>output, optional (none)</term><description>image of ML.NET: what is generated for the row as an image.</description></item>
/// </list>
/// <para>
/// Reports name the losses of both, how often the discriminator is right, the norms of both gradients and how much generated rows vary; the
/// log warns when the training becomes unstable and says which option helps. The validation loss is the discriminator's: far above that of
/// the training, it has memorized the rows.
/// </para>
/// <para>
/// Task: generation · normalization: pixels in 0..1 (bytes are scaled), other values about in −1..1 · caching: not needed (reads once) ·
/// GPU: yes · same seed, same weights on the CPU: yes · exact resume: yes.
/// </para>
/// <para>
/// Goodfellow et al., "Generative adversarial networks", 2014, <see href="https://arxiv.org/abs/1406.2661"/>; networks: Radford, Metz,
/// Chintala, 2015,
/// <see href="https://arxiv.org/abs/1511.06434"/>; spectral normalization: Miyato et al., 2018,
/// <see href="https://arxiv.org/abs/1802.05957"/>; R1: Mescheder, Geiger, Nowozin, 2018, <see href="https://arxiv.org/abs/1801.04406"/>;
/// gradient penalty: Gulrajani et al., 2017, <see href="https://arxiv.org/abs/1704.00028"/>.
/// </para>
/// </remarks>
/// <seealso cref="GanTransformer"/>
public sealed class GanEstimator : IEstimator<GanTransformer>
{
    private readonly IHostEnvironment _env;
    private readonly IHost _host;
    private readonly GanOptions _options;

    internal GanEstimator(IHostEnvironment env, GanOptions options)
    {
        _options = TrainingOptions.ForTraining(options);
        _env = env;
        _host = env.Register(nameof(GanEstimator));
    }

    /// <summary>Trains on the rows of <paramref name="input"/>.</summary>
    /// <param name="input">
    /// Data with the column <see cref="GanOptions.InputColumnName"/>, and that of labels if the options name one.
    /// </param>
    /// <returns>The trained generator. Dispose of it to release its memory early.</returns>
    /// <exception cref="ArgumentException">
    /// A column is missing or of another type or size, the data is empty, or an option does not fit it.
    /// </exception>
    /// <exception cref="InvalidDataException">
    /// A row cannot be used: an image of another size, a value that is not finite, or out of 0..1 in an image.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// libtorch or the GPU asked for is missing, the checkpoints are of another training, or a loss stopped being finite.
    /// </exception>
    /// <exception cref="IOException">The folder of checkpoints, samples or TensorBoard cannot be used.</exception>
    /// <exception cref="OperationCanceledException">The training was canceled.</exception>
    public GanTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        TorchRuntime.Preload();
        RowShape row = _options.Columns.FindRow(input);
        GanRowChecks.Check(_options, row);
        LabelClasses classes = _options.Columns.FindClasses(input, _options.BaseModel?.Definition.Columns.Classes);
        GanArchitecture architecture = _options.BaseModel?.Definition.Architecture ?? GanArchitecture.Of(_options, row, classes.Count);
        BaseOptions.CheckRow(_options.InputColumnName, row, architecture.Row);
        GanColumns names = GanColumns.Of(_options) with
        {
            Classes = classes.Labels,
            Slots = SlotNames.ToKeep(input.Schema, _options.InputColumnName),
        };
        TensorColumn[] columns = GanTransformer.TrainingTensors(input.Schema, architecture, names);
        TensorColumn[]? validationColumns = _options.OpenValidation(schema => GanTransformer.TrainingTensors(schema, architecture, names));
        architecture.Validate();

        return Trainer.Fit(_env, _host, _options, trainer =>
        {
            // Of generated rows, a batch has as many as the options say, also where there are fewer real ones.
            trainer.CheckBatch(trainer.RowsOfStep, row.Size);
            trainer.CheckBatch(trainer.RowsOfStep, 1, (nameof(GanOptions.LatentSize), architecture.LatentSize));
            GeneratorNetwork generator = trainer.CreateNetwork(architecture.CreateGenerator);
            DiscriminatorArchitecture discriminating = DiscriminatorArchitecture.Of(architecture, _options);
            trainer.CheckSize(discriminating.Create);
            DiscriminatorNetwork discriminator = trainer.CreateTemporaryNetwork(discriminating.Create, stream: 1);
            TrainingData data = trainer.Read(input, columns, validationColumns);
            Train(trainer, architecture, generator, discriminator, data);
            var definition = new GanDefinition(architecture, names, GanDefaults.Of(_options, trainer.Seed));
            return new GanTransformer(_host, definition, generator, trainer.Device);
        });
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        _options.Columns.Check(inputSchema);
        return OutputColumn.Promise(
            inputSchema, GanTransformer.OutputColumns(GanColumns.Of(_options), SlotNames.Promise(inputSchema, _options.InputColumnName)));
    }

    private void Train(
        Trainer trainer, GanArchitecture architecture, GeneratorNetwork generator, DiscriminatorNetwork discriminator, TrainingData data)
    {
        using IChannel channel = _host.Start("Adversarial training");
        var objective = new AdversarialObjective(
            architecture, _options, generator, discriminator, new GanHealth(channel, _options), trainer.Run.Group);
        TrainingPhase[] phases =
        [
            new(trainer.Prepare("discriminator", discriminator, _options.OfDiscriminator()), data.Batches, objective.DiscriminatorLosses)
            {
                Repeats = _options.DiscriminatorSteps,
                LearningRateFactor = (_options.DiscriminatorLearningRate ?? _options.LearningRate) / _options.LearningRate,
                ReportsGradientNorm = true,
                AfterUpdate = objective.EndDiscriminatorStep,
            },
            new(trainer.Prepare("generator", generator), new GeneratedBatches(_options.BatchSize), objective.GeneratorLosses)
            {
                ReportsGradientNorm = true,
                Validates = true,
            },
        ];
        trainer.Train(phases, data.ValidationBatches, GanPreview.Open(trainer.Run, architecture, generator));
        using var noise = new torch.Generator((ulong)SeedSequence.Derive(trainer.Seed, 2));
        using IDisposable turn = trainer.Run.Threads.Turn();
        GeneratorAverages.Renew(generator, architecture, _options.BatchSize, trainer.Device, noise);
        // The model has all its weights, and needs no gradients of them.
        foreach (var parameter in generator.parameters())
            parameter.requires_grad = false;
    }
}
