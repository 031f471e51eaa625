using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Diffusion;
using Microsoft.ML.Generative.Images.Diffusion.Alignment;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>
/// Trains a diffusion model towards a reward, by denoising diffusion policy optimization: it generates images, and makes the steps that led
/// to the better ones more likely.
/// </summary>
/// <remarks>
/// <para>
/// Create with <see cref="GenerativeTransformsCatalog.DiffusionReward(DiffusionTransformer, ImageReward, int)"/> or
/// <see cref="GenerativeTransformsCatalog.DiffusionReward(DiffusionRewardOptions)"/>.
/// </para>
/// <list type="table">
/// <listheader><term>column (of the base model)</term><description>type and meaning</description></listheader>
/// <item><term>input (its input column)</term><description>image of one size, or known-size vector of Single or Byte with the shape of an
/// image: what the trained model reads where it transforms rows; nothing is learned from it.</description></item>
/// <item><term>input, optional (its label column)</term><description>the classes that images are generated for, as often as the rows have
/// them; where the model is conditioned on classes.</description></item>
/// <item><term>input, optional (its column of smaller images)</term><description>the images that are enlarged, where the model is
/// conditioned on them.</description></item>
/// <item><term>output (Generated)</term><description>vector of Single, channels × height × width values in 0..1: an image
/// generated for the row.</description></item>
/// <item><term>output, optional (its column of generated images)</term><description>image of ML.NET.</description></item>
/// </list>
/// <para>
/// Task: generation · normalization: none · caching: not needed (reads once) · GPU: yes · same seed, same weights on the CPU: yes, where
/// the reward of the same image is the same · exact resume: yes, roll-outs included. With
/// <see cref="TrainingOptions.ValidationData"/>, the validation loss is the negative mean reward of images for its rows, always from the
/// same noise.
/// </para>
/// <para>
/// Reported beside the loss, which says little: reward and its standard deviation; ratio (near 1), clipfrac and approxkl of the updates;
/// and kl, the divergence from the base model, with <see cref="DiffusionRewardOptions.KlWeight"/>.
/// </para>
/// <para>
/// Black, Janner, Du, Kostrikov, Levine, "Training diffusion models with reinforcement learning", 2023,
/// <see href="https://arxiv.org/abs/2305.13301"/>, DDPO with importance sampling, with the settings of the authors' ddpo-pytorch; the
/// divergence: Fan et al., "DPOK", 2023, <see href="https://arxiv.org/abs/2305.16381"/>.
/// </para>
/// </remarks>
/// <seealso cref="ImageReward"/>
public sealed class DiffusionRewardEstimator : IEstimator<DiffusionTransformer>
{
    private readonly IHostEnvironment _env;
    private readonly IHost _host;
    private readonly DiffusionRewardOptions _options;

    internal DiffusionRewardEstimator(IHostEnvironment env, DiffusionRewardOptions options)
    {
        _options = TrainingOptions.ForTraining(options);
        _env = env;
        _host = env.Register(nameof(DiffusionRewardEstimator));
    }

    private DiffusionDefinition Base => _options.BaseModel!.Definition;

    private DiffusionColumns Names => Base.Columns with { Generated = _options.GeneratedColumnName };

    /// <summary>Trains the base model towards the reward.</summary>
    /// <param name="input">Data with the columns of the base model.</param>
    /// <returns>The trained model, which generates by the steps that were trained. Dispose of it to release its memory early.</returns>
    /// <exception cref="ArgumentException">
    /// A column is missing or of another type or size, the data is empty, or the reward does not fit the images.
    /// </exception>
    /// <exception cref="InvalidDataException">A row cannot be used.</exception>
    /// <exception cref="InvalidOperationException">
    /// libtorch or the GPU asked for is missing, the checkpoints are of another training, a reward is not finite, or the loss stopped being
    /// finite.
    /// </exception>
    /// <exception cref="IOException">The folder of checkpoints, samples or TensorBoard cannot be used.</exception>
    /// <exception cref="ObjectDisposedException">The base model has been disposed of.</exception>
    /// <exception cref="OperationCanceledException">The training was canceled.</exception>
    public DiffusionTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        TorchRuntime.Preload();
        Columns.Check(SchemaShape.Create(input.Schema));
        TensorColumn[] columns = TrainingColumns(input.Schema);
        TensorColumn[]? validationColumns = _options.OpenValidation(TrainingColumns);
        CheckReward();
        return Trainer.Fit(_env, _host, _options, trainer =>
        {
            DiffusionDefinition definition = Definition(trainer.Seed);
            using AdapterTraining<DenoiserNetwork>? adapters =
                _options.TrainsAdapter ? _options.BaseModel!.OpenAdapters(trainer, _options.Adapter) : null;
            DenoiserNetwork network = adapters?.Network ?? trainer.CreateNetwork(() => Base.Architecture.CreateNetwork());
            TrainingData data = trainer.Read(input, columns, validationColumns);
            using AdaptedNetwork<DenoiserNetwork>? baseNetworks = _options.KlWeight == 0 ? null : Reference(trainer.Device);
            using DenoisingPolicy policy = Policy(definition, network, trainer.Device);
            using DenoisingPolicy? reference =
                baseNetworks is null ? null : Policy(definition, baseNetworks.Network, trainer.Device);
            using var rollouts = new DenoisingRollouts(trainer.Run, definition, policy, data.Rows, baseNetworks?.Network);
            var objective = new DiffusionRewardObjective(trainer.Run, definition, policy, reference, rollouts);
            var phase = new TrainingPhase(trainer.Prepare("diffusion", network), rollouts, objective.Losses) { Unit = "denoising steps" };
            trainer.Train([phase], data.ValidationBatches, DiffusionPreview.Open(trainer.Run, definition, network, data.PreviewRows));
            return new DiffusionTransformer(
                _host, definition, adapters?.Finish() ?? new AdaptedNetwork<DenoiserNetwork>(network), trainer.Device);
        });
    }

    /// <inheritdoc/>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        Columns.Check(inputSchema);
        if (Base.Columns.LowResolution is { } low)
            ColumnTypes.CheckFeatures(inputSchema, low);
        return OutputColumn.Promise(inputSchema, DiffusionTransformer.OutputColumns(Names));
    }

    private RowColumns Columns => new(Base.Columns.Input, null, null, null) { Label = Base.Columns.Label, AreImages = true };

    // Images and conditions are checked, and only conditions are read, where the model has some.
    private TensorColumn[] TrainingColumns(DataViewSchema schema)
    {
        TensorColumn[] all = DiffusionTransformer.TrainingTensors(schema, Base.Architecture, Base.Columns);
        return all.Length > 1 ? all[1..] : all;
    }

    // With no image, but with all classes.
    private void CheckReward() => _options.Reward!.Check(_host, DenoisingRollouts.ImagesOf(
        Base, [], Base.Architecture.LabelCount is var count and > 0 ? [.. Enumerable.Range(0, count).Select(label => (long)label)] : null));

    // By default, the model generates by the steps that were trained.
    private DiffusionDefinition Definition(long seed) => Base with
    {
        Columns = Names,
        Defaults = Base.Defaults with
        {
            Sampler = Base.Architecture.LearnsVariance ? Base.Defaults.Sampler : DiffusionSampler.Ddpm,
            Scheduler = Base.Architecture.LearnsVariance ? Base.Defaults.Scheduler : null,
            Steps = _options.Steps,
            GuidanceScale = _options.GuidanceScale,
            TransformBatchSize = _options.TransformBatchSize,
            Seed = seed,
            RowMemory = _options.RowMemory,
        },
    };

    private DenoisingPolicy Policy(DiffusionDefinition definition, DenoiserNetwork network, torch.Device device) =>
        new(definition, network, _options.Steps, _options.GuidanceScale, device);

    // On the base model's device, without a copy.
    private AdaptedNetwork<DenoiserNetwork> Reference(torch.Device device)
    {
        DiffusionTransformer model = _options.BaseModel!;
        using IDisposable use = model.Use();
        AdaptedNetwork<DenoiserNetwork> reference = model.Networks.Select(model.ActiveAdapter);
        reference.Network.to(device);
        reference.Network.eval();
        return reference;
    }
}
