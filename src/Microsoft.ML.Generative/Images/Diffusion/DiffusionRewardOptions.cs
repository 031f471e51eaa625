using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Images.Diffusion;
using Microsoft.ML.Generative.Training;

namespace Microsoft.ML.Generative;

/// <summary>Options of <see cref="DiffusionRewardEstimator"/>.</summary>
/// <example>
/// <code>
/// DiffusionTransformer model = mlContext.Transforms.Generative().Diffusion("Image", labelColumnName: "Label").Fit(data);
/// var estimator = mlContext.Transforms.Generative().DiffusionReward(new DiffusionRewardOptions
/// {
///     BaseModel = model,
///     Reward = ImageReward.CompressedSize(),
///     Epochs = 20,
///     Steps = 20,
///     Progress = new Progress&lt;TrainingProgress&gt;(p => Console.WriteLine($"{p.Step}/{p.TotalSteps} {p.LossTerms["reward"]:F3}")),
/// });
/// </code>
/// </example>
public sealed class DiffusionRewardOptions : ImageTrainingOptions
{
    internal static new class Defaults
    {
        public const string GeneratedColumnName = "Generated";
        public const int Epochs = 50;
        public const double LearningRate = 1e-4;
        public const int BatchSize = 64;
        public const int GradientAccumulationSteps = 25;
        public const int ImagesPerEpoch = 64;
        public const int Steps = 50;
        public const int ClassStatisticsSize = 16;
        public const double AdvantageClip = 5;
        public const double ClipRange = 1e-4;
        public const int TransformBatchSize = 32;
    }

    // One step to choose in, and the last, in which there is nothing to choose.
    private const int FewestSteps = 2;

    /// <summary>Roll-outs, at least 1: generated images with their rewards, from which the model then learns. Default: 50.</summary>
    public override int Epochs { get; set; } = Defaults.Epochs;

    /// <summary>Denoising steps that go through the network at once, at least 1. Default: 64.</summary>
    public override int BatchSize { get; set; } = Defaults.BatchSize;

    /// <summary>
    /// Batches whose gradients make one update, at least 1. Few large updates per roll-out learn more steadily than many small ones.
    /// Default: 25, which makes two updates per roll-out with the other defaults.
    /// </summary>
    public override int GradientAccumulationSteps { get; set; } = Defaults.GradientAccumulationSteps;

    /// <summary>The learning rate after the warm-up, above 0. Default: 0.0001, or 0.001 where an adapter is trained.</summary>
    public override double LearningRate
    {
        get => base.LearningRate;
        set => base.LearningRate = value;
    }

    /// <summary>The optimizer. Default: <see cref="OptimizerKind.AdamW"/>.</summary>
    public override OptimizerKind Optimizer { get; set; } = OptimizerKind.AdamW;

    /// <summary>Weight decay, at least 0; of matrices only, not of biases and gains. Default: 0.0001.</summary>
    public override double WeightDecay { get; set; } = 1e-4;

    /// <summary>The norm above which a gradient is scaled down to it, above 0. Default: 1.</summary>
    public override double? GradientClipNorm { get; set; } = 1;

    /// <summary>
    /// The trained model to continue from, of <see cref="DiffusionProcess.Denoising"/>; required. It stays as it is, and gives the new
    /// model its network, columns and classes.
    /// </summary>
    [JsonIgnore]
    public DiffusionTransformer? BaseModel { get; set; }

    /// <summary>
    /// Trains low-rank adapters on top of <see cref="BaseModel"/> in place of its weights, which stay as they are and are shared in memory;
    /// without dropout, whose noise is far above <see cref="ClipRange"/>. Default: none, all weights are trained; of a base model that uses
    /// an adapter, the adapter.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public LoraOptions? Adapter { get; set; }

    /// <summary>What images are rewarded for; required.</summary>
    [JsonIgnore]
    public ImageReward? Reward { get; set; }

    /// <summary>
    /// The output column of the trained model: an image generated for the row, channels × height × width values in 0..1. Default:
    /// Generated.
    /// </summary>
    public string GeneratedColumnName { get; set; } = Defaults.GeneratedColumnName;

    /// <summary>Images that are generated for each roll-out, at least 2. Default: 64.</summary>
    public int ImagesPerEpoch { get; set; } = Defaults.ImagesPerEpoch;

    /// <summary>How often the model goes through a roll-out, at least 1. Default: 1.</summary>
    public int EpochsPerRollout { get; set; } = 1;

    /// <summary>
    /// Steps that generate an image, at least 2, and the trained model's default number of them. The last adds no noise, and is not
    /// learned: where steps are few it does much of the work, and the reward may fall while the others learn. Default: 50.
    /// </summary>
    public int Steps { get; set; } = Defaults.Steps;

    /// <summary>
    /// Scale of classifier-free guidance in roll-outs and in learning, at least 0, and the trained model's default where it transforms
    /// rows; other values than 1 need a model that can be guided, and take twice the time. Default: 1.
    /// </summary>
    public double GuidanceScale { get; set; } = 1;

    /// <summary>
    /// Rewards that are remembered of each class, 0 or at least 2: an image's advantage is how much better it is than others of its class.
    /// Until a class has as many, and with 0 or a model without classes, it is compared with the whole roll-out. Default: 16.
    /// </summary>
    public int ClassStatisticsSize { get; set; } = Defaults.ClassStatisticsSize;

    /// <summary>The largest advantage of an image in standard deviations, above 0. Default: 5.</summary>
    public double AdvantageClip { get; set; } = Defaults.AdvantageClip;

    /// <summary>
    /// How far the probability of a step may move within a roll-out, as a part of it, above 0: what is beyond teaches nothing. It is small
    /// because a step's log probability is the mean over all pixels. Default: 0.0001.
    /// </summary>
    public double ClipRange { get; set; } = Defaults.ClipRange;

    /// <summary>
    /// Weight of the divergence from the base model, at least 0 (Fan et al. 2023, DPOK): it keeps images from becoming anything that the
    /// reward likes. Above 0 each batch goes through the base model too. Default: 0.
    /// </summary>
    public double KlWeight { get; set; }

    /// <summary>
    /// Rows that the trained model transforms at once, and images that are generated at once for roll-outs, 1 to 65,536. Default: 32.
    /// </summary>
    public int TransformBatchSize { get; set; } = Defaults.TransformBatchSize;

    internal override IBaseModel? Base => BaseModel;

    internal bool TrainsAdapter => Adapter is not null || BaseModel?.ActiveAdapter is not null;

    internal override double DefaultLearningRate => TrainsAdapter ? 10 * Defaults.LearningRate : Defaults.LearningRate;

    internal override DiffusionRewardOptions Copy()
    {
        var copy = (DiffusionRewardOptions)base.Copy();
        copy.Adapter = Adapter?.Copy();
        return copy;
    }

    internal override void Validate()
    {
        base.Validate();
        Adapter?.Validate();
        if (Adapter is { Dropout: not 0 })
        {
            throw new ArgumentException(
                $"{nameof(Adapter)}.{nameof(LoraOptions.Dropout)} is {Adapter.Dropout}; expected 0: its noise would be far above "
                + $"{nameof(ClipRange)}.", nameof(Adapter));
        }

        OptionChecks.NotEmpty(GeneratedColumnName);
        OptionChecks.AtLeast(ImagesPerEpoch, 2);
        OptionChecks.AtLeast(EpochsPerRollout, 1);
        OptionChecks.AtLeast(Steps, FewestSteps);
        OptionChecks.Between(GuidanceScale, 0, DiffusionGenerateOptions.MostGuidance);
        OptionChecks.AtLeast(ClassStatisticsSize, 0);
        if (ClassStatisticsSize == 1)
            throw new ArgumentOutOfRangeException(
                nameof(ClassStatisticsSize), ClassStatisticsSize,
                $"{nameof(ClassStatisticsSize)} is 1; expected 0, or 2 or more: one reward has no spread.");
        OptionChecks.Positive(AdvantageClip);
        OptionChecks.Positive(ClipRange);
        OptionChecks.AtLeast(KlWeight, 0);
        OptionChecks.RowsAtOnce(TransformBatchSize);
    }

    internal override void ValidateForTraining()
    {
        base.ValidateForTraining();
        if (Reward is null)
            throw new ArgumentException($"{nameof(Reward)} is not set; expected what images are rewarded for.", nameof(Reward));
        if (BaseModel is null)
            throw new ArgumentException($"{nameof(BaseModel)} is not set; expected a trained model.", nameof(BaseModel));
        using (BaseModel.Use())
            AdapterOptions.Check(this, Adapter, BaseModel.Networks);
        OptionChecks.DifferentNames([GeneratedColumnName], BaseModel.Definition.Columns.GeneratedImage);
        DiffusionArchitecture model = BaseModel.Definition.Architecture;
        if (model.Process != DiffusionProcess.Denoising)
        {
            throw new ArgumentException(
                $"{nameof(BaseModel)} is of {model.Process}, whose steps choose nothing; expected one of {DiffusionProcess.Denoising}.",
                nameof(BaseModel));
        }

        if (Steps > model.NoiseSchedule.TrainTimesteps)
        {
            throw new ArgumentException(
                $"{nameof(Steps)} is {Steps}; the base model has {model.NoiseSchedule.TrainTimesteps} timesteps.", nameof(Steps));
        }

        if (GuidanceScale != 1 && !model.HasNullLabel)
        {
            throw new ArgumentException(
                $"{nameof(GuidanceScale)} is {GuidanceScale}: guidance needs a base model that was trained with labels and "
                + $"{nameof(DiffusionOptions.LabelDropout)} above 0.", nameof(GuidanceScale));
        }
    }
}
