using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Gan;
using Microsoft.ML.Generative.Images.Gan.Networks;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Training;

namespace Microsoft.ML.Generative;

/// <summary>Options of <see cref="GanEstimator"/>.</summary>
/// <example>
/// <code>
/// var gan = mlContext.Transforms.Generative().Gan(new GanOptions
/// {
///     InputColumnName = "Image",
///     LabelColumnName = "Label",
///     Objective = GanObjective.Hinge,
///     R1Weight = 0.1,
///     Epochs = 50,
///     SampleDirectory = "samples",
/// });
/// </code>
/// </example>
public sealed class GanOptions : ImageTrainingOptions, IImageShapeOptions, ILabelOptions
{
    internal const double LowestTruncation = 0.01;
    private const int MostDiscriminatorSteps = 1000;

    internal static new class Defaults
    {
        public const string InputColumnName = "Image";
        public const string GeneratedColumnName = "Generated";
        public const int Epochs = 50;
        public const int StepsOnCpu = 2500;
        public const int BatchSize = 64;
        public const double LearningRate = 2e-4;
        public const double EmaDecay = 0.999;
        public const int LatentSize = 100;
        public const int BaseChannels = 64;
        public const int LabelEmbeddingSize = 32;
        public const double WeightClip = 0.01;
        public const double GradientPenaltyWeight = 10;
        public const int PenaltyInterval = 1;
        public const double AugmentationTarget = 0.6;
        public const int AugmentationRows = 500_000;
        public const int TransformBatchSize = 64;

        public static int[] HiddenSizes => [128, 128];
    }

    /// <summary>Passes over the data, at least 1. Default: 50; on a CPU no more than 2,500 steps.</summary>
    public override int Epochs
    {
        get => base.Epochs;
        set => base.Epochs = value;
    }

    /// <summary>Rows that go through the network at once, at least 1. Default: 64.</summary>
    public override int BatchSize { get; set; } = Defaults.BatchSize;

    /// <summary>The learning rate after the warm-up, above 0. Default: 0.0002.</summary>
    public override double LearningRate { get; set; } = Defaults.LearningRate;

    /// <summary>Decay of Adam's first moment, 0 to 1. Default: 0.5.</summary>
    public override double Beta1 { get; set; } = 0.5;

    /// <summary>
    /// Decay of the moving average of the weights that becomes the model, 0 to 1; in step t it is at most (1 + t) / (10 + t). Default:
    /// 0.999.
    /// </summary>
    public override double? EmaDecay { get; set; } = Defaults.EmaDecay;

    /// <summary>
    /// The column to learn: images of one size, a known-size vector of Single or Byte with an image's shape, values in 0..1 (bytes are
    /// scaled to it), or a known-size vector of any finite Single values. Default: Image.
    /// </summary>
    public string InputColumnName { get; set; } = Defaults.InputColumnName;

    /// <summary>The output column of the trained model: the row generated for it. Default: Generated.</summary>
    public string GeneratedColumnName { get; set; } = Defaults.GeneratedColumnName;

    /// <summary>
    /// A further output column of the trained model with the generated row as an image of ML.NET, gray, RGB or RGBA; for models of images.
    /// Default: none.
    /// </summary>
    public string? GeneratedImageColumnName { get; set; }

    /// <summary>A column of classes to condition on: a key, Boolean, or whole numbers from 0. Default: none.</summary>
    public string? LabelColumnName { get; set; }

    /// <summary>The number of classes, at least 1. Default: what the column says; needed for integers.</summary>
    public int? LabelCount { get; set; }

    /// <summary>
    /// A column of integers, the seeds of the rows' z where the trained model transforms rows. Not needed for training. Default: none, z
    /// depends on the content of the row's input columns.
    /// </summary>
    public string? SeedColumnName { get; set; }

    /// <summary>Channels of the images, 1 to 4. Default: those of the column's type; 3 for image columns; else 1.</summary>
    /// <remarks>An image column is read as gray with 1, RGB with 3 and RGBA with 4. Vectors hold one plane per channel.</remarks>
    public int? Channels { get; set; }

    /// <summary>Height of the images in pixels, at least 1. Default: that of the column's type or first image.</summary>
    public int? Height { get; set; }

    /// <summary>Width of the images in pixels, at least 1. Default: that of the column's type or first image.</summary>
    public int? Width { get; set; }

    /// <summary>
    /// A trained or loaded model to continue from: its network and its weights in place of the options of the network, which are left at
    /// their defaults or have to agree with it. It is a generator: the discriminator is not part of a
    /// model and begins with random weights. It stays as it is. Default: none, the training begins with random weights.
    /// </summary>
    [JsonIgnore]
    public GanTransformer? BaseModel { get; set; }

    /// <summary>
    /// The networks. Default: <see cref="GanNetworkKind.Dcgan"/> for images, <see cref="GanNetworkKind.Mlp"/> for other vectors.
    /// </summary>
    public GanNetworkKind? Network { get; set; }

    /// <summary>Dimensions of z, at least 1. Default: 100.</summary>
    public int LatentSize { get; set; } = Defaults.LatentSize;

    /// <summary>
    /// Channels of the discriminator's first and the generator's last hidden layer with <see cref="GanNetworkKind.Dcgan"/> and
    /// <see cref="GanNetworkKind.Residual"/>, at least 1; they double where the image is halved, up to eight times as many. Default: 64.
    /// </summary>
    public int BaseChannels { get; set; } = Defaults.BaseChannels;

    /// <summary>
    /// Sizes of the hidden layers of <see cref="GanNetworkKind.Mlp"/> in both networks, each at least 1. Default: 128, 128.
    /// </summary>
    public int[] HiddenSizes { get; set; } = Defaults.HiddenSizes;

    /// <summary>The objective. Default: <see cref="GanObjective.NonSaturating"/>.</summary>
    public GanObjective Objective { get; set; }

    /// <summary>
    /// Normalization of the discriminator's layers. Default: <see cref="GanNormalization.Spectral"/>; none with
    /// <see cref="GanObjective.Wasserstein"/> and
    /// <see cref="GanObjective.WassersteinGradientPenalty"/>, which bound it in another way.
    /// </summary>
    public GanNormalization? DiscriminatorNormalization { get; set; }

    /// <summary>How the discriminator is conditioned on the class. Default: <see cref="GanLabelConditioning.Projection"/>.</summary>
    public GanLabelConditioning LabelConditioning { get; set; }

    /// <summary>
    /// How the generator is conditioned on the class. <see cref="GanGeneratorConditioning.BatchNormalization"/> is not for
    /// <see cref="GanNetworkKind.Mlp"/>, which has none. Default: <see cref="GanGeneratorConditioning.Concatenation"/>.
    /// </summary>
    public GanGeneratorConditioning GeneratorConditioning { get; set; }

    /// <summary>Dimensions of the generator's embedding of the class, at least 1. Default: 32.</summary>
    public int LabelEmbeddingSize { get; set; } = Defaults.LabelEmbeddingSize;

    /// <summary>Steps of the discriminator before each of the generator, 1 to 1,000; each takes its own batch. Default: 1.</summary>
    public int DiscriminatorSteps { get; set; } = 1;

    /// <summary>
    /// The discriminator's learning rate, above 0; <see cref="TrainingOptions.LearningRate"/> is the generator's then (two time-scales;
    /// Heusel et al. 2017). Warm-up and schedule are the same for both. Default: the generator's.
    /// </summary>
    public double? DiscriminatorLearningRate { get; set; }

    /// <summary>The bound of the discriminator's weights with <see cref="GanObjective.Wasserstein"/>, above 0. Default: 0.01.</summary>
    public double WeightClip { get; set; } = Defaults.WeightClip;

    /// <summary>λ of <see cref="GanObjective.WassersteinGradientPenalty"/>, above 0. Default: 10.</summary>
    public double GradientPenaltyWeight { get; set; } = Defaults.GradientPenaltyWeight;

    /// <summary>
    /// γ of R1, at least 0: γ/2 times the squared gradient of D at real rows (Mescheder et al. 2018, eq. 9). Default: 0, none.
    /// </summary>
    public double R1Weight { get; set; }

    /// <summary>γ of R2, at least 0: as R1, at generated rows. Default: 0, none.</summary>
    public double R2Weight { get; set; }

    /// <summary>
    /// Steps between those with R1 and R2, at least 1; they weigh as many times more then (lazy regularization; Karras et al. 2019,
    /// appendix B). 16 is usual. Default: 1, every step.
    /// </summary>
    public int PenaltyInterval { get; set; } = Defaults.PenaltyInterval;

    /// <summary>
    /// How far below 1 the discriminator's target for real rows is, 0 to 0.5 (one-sided; Salimans et al. 2016, section 3.4); with
    /// <see cref="GanObjective.NonSaturating"/> or <see cref="GanObjective.LeastSquares"/>. Default: 0; 0.1 is usual.
    /// </summary>
    public double LabelSmoothing { get; set; }

    /// <summary>
    /// Standard deviation of normal noise that is added to what the discriminator sees, at least 0; it falls to 0 on a straight line over
    /// the training (Arjovsky, Bottou 2017; Sønderby et al. 2016). Images are in −1..1. Default: 0, none.
    /// </summary>
    public double InstanceNoise { get; set; }

    /// <summary>
    /// Whether the discriminator's last layer gets the standard deviation of the batch (Karras et al. 2017, section 3), against mode
    /// collapse. Default: false.
    /// </summary>
    public bool MinibatchStandardDeviation { get; set; }

    /// <summary>Augmentations of all images that the discriminator sees, so that it does not overfit few images. Default: none.</summary>
    public GanAugmentations Augmentation { get; set; }

    /// <summary>
    /// Whether the probability of <see cref="Augmentation"/> follows from how far the discriminator overfits (Karras et al. 2020): it
    /// starts at 0 and rises while r_t, the mean sign of D at real images, is above <see cref="AugmentationTarget"/>. Default: false, all
    /// images are augmented.
    /// </summary>
    public bool AdaptiveAugmentation { get; set; }

    /// <summary>The r_t that <see cref="AdaptiveAugmentation"/> aims at, above 0 to below 1. Default: 0.6.</summary>
    public double AugmentationTarget { get; set; } = Defaults.AugmentationTarget;

    /// <summary>
    /// Rows in which the probability of <see cref="AdaptiveAugmentation"/> can rise from 0 to 1, at least 1. Default: 500,000.
    /// </summary>
    public int AugmentationRows { get; set; } = Defaults.AugmentationRows;

    /// <summary>
    /// How far the values of z may be from 0 where the trained model transforms rows, 0.01 to 100; those beyond are sampled again (the
    /// truncation trick; Brock et al. 2018, section 3.1). Default: none.
    /// </summary>
    public double? Truncation { get; set; }

    /// <summary>
    /// Rows that a transform computes at once, 1 to 65,536. The results do not depend on it, up to rounding. Default: 64.
    /// </summary>
    public int TransformBatchSize { get; set; } = Defaults.TransformBatchSize;

    internal RowColumns Columns =>
        new(InputColumnName, Channels, Height, Width) { Label = LabelColumnName, LabelCount = LabelCount, Seed = SeedColumnName };

    /// <summary><see cref="DiscriminatorNormalization"/>, or its default.</summary>
    internal GanNormalization Normalization =>
        DiscriminatorNormalization ?? (IsWasserstein ? GanNormalization.None : GanNormalization.Spectral);

    internal bool IsWasserstein => Objective is GanObjective.Wasserstein or GanObjective.WassersteinGradientPenalty;

    internal override int DefaultEpochs => Defaults.Epochs;

    internal override long? StepsOnCpu => Defaults.StepsOnCpu;

    internal override MemberHistory History => GanOldFormats.Options;

    // The epoch of the best discriminator is not that of the best generator.
    internal override bool ValidationChoosesModel => false;

    internal override GanOptions Copy()
    {
        var copy = (GanOptions)base.Copy();
        copy.HiddenSizes = [.. HiddenSizes ?? []];
        return copy;
    }

    /// <summary>The options of the discriminator's optimizer.</summary>
    internal GanOptions OfDiscriminator()
    {
        GanOptions copy = Copy();
        copy.EmaDecay = null;
        return copy;
    }

    internal override IReadOnlyList<string> SizeOptions =>
        [nameof(HiddenSizes), nameof(BaseChannels), nameof(LatentSize), nameof(LabelEmbeddingSize), nameof(LabelCount)];

    internal override IBaseModel? Base => BaseModel;

    internal override void TakeFromBase()
    {
        if (BaseModel?.Definition.Architecture is not { } network)
            return;
        var own = new BaseOptions<GanOptions>(this, new GanOptions());
        own.TakeLabels(network.LabelCount);
        if (network.LabelCount > 0)
        {
            GeneratorConditioning = own.Take(o => o.GeneratorConditioning, network.Conditioning!.Value);
            LabelEmbeddingSize = own.Take(o => o.LabelEmbeddingSize, network.LabelEmbeddingSize);
        }

        if (network.Row.Image is { } image)
            own.TakeShape(image);

        Network = own.Take(o => o.Network, network.Network);
        GanNetworks.Of(network.Network).TakeSizes(this, own, network);
        LatentSize = own.Take(o => o.LatentSize, network.LatentSize);
    }

    internal override void Validate()
    {
        base.Validate();
        Columns.Validate();
        OptionChecks.DifferentNames([GeneratedColumnName], GeneratedImageColumnName);
        OptionChecks.Defined(Network);
        OptionChecks.AtLeast(LatentSize, 1);
        OptionChecks.AtLeast(BaseChannels, 1);
        OptionChecks.AllAtLeast(HiddenSizes, 1);
        OptionChecks.Between(HiddenSizes.Length, 1, 64, nameof(HiddenSizes));
        OptionChecks.Defined(Objective);
        OptionChecks.Defined(DiscriminatorNormalization);
        OptionChecks.Defined(LabelConditioning);
        OptionChecks.Defined(GeneratorConditioning);
        OptionChecks.AtLeast(LabelEmbeddingSize, 1);
        OptionChecks.Between(DiscriminatorSteps, 1, MostDiscriminatorSteps);
        OptionChecks.Positive(DiscriminatorLearningRate);
        OptionChecks.Positive(WeightClip);
        OptionChecks.Positive(GradientPenaltyWeight);
        OptionChecks.AtLeast(R1Weight, 0);
        OptionChecks.AtLeast(R2Weight, 0);
        OptionChecks.AtLeast(PenaltyInterval, 1);
        OptionChecks.Between(LabelSmoothing, 0, 0.5);
        OptionChecks.AtLeast(InstanceNoise, 0);
        OptionChecks.Between(
            (int)Augmentation, 0, (int)(GanAugmentations.Color | GanAugmentations.Translation | GanAugmentations.Cutout),
            nameof(Augmentation));
        OptionChecks.Positive(AugmentationTarget);
        OptionChecks.Below(AugmentationTarget, 1);
        OptionChecks.AtLeast(AugmentationRows, 1);
        OptionChecks.NoiseScale(Truncation ?? 1, LowestTruncation, nameof(Truncation));
        OptionChecks.RowsAtOnce(TransformBatchSize);
        CheckCombinations();
    }

    internal override void ValidateForTraining()
    {
        Refuse(EarlyStoppingPatience is not null, nameof(EarlyStoppingPatience), EarlyStoppingPatience,
            "a discriminator's loss does not show when its generator is best");
        base.ValidateForTraining();
    }

    private void CheckCombinations()
    {
        GanNetworks? networks = Network is { } kind ? GanNetworks.Of(kind) : null;
        Refuse(
            LabelConditioning != GanLabelConditioning.Projection && LabelColumnName is null, nameof(LabelConditioning), LabelConditioning,
            $"there is no {nameof(LabelColumnName)}");
        Refuse(
            GeneratorConditioning != GanGeneratorConditioning.Concatenation && LabelColumnName is null, nameof(GeneratorConditioning),
            GeneratorConditioning, $"there is no {nameof(LabelColumnName)}");
        Refuse(
            GeneratorConditioning == GanGeneratorConditioning.BatchNormalization && networks?.GeneratorHasBatchNormalization == false,
            nameof(GeneratorConditioning), GeneratorConditioning, $"{nameof(Network)} {Network} has no batch normalization");
        Refuse(
            LabelSmoothing > 0 && Objective is not (GanObjective.NonSaturating or GanObjective.LeastSquares), nameof(LabelSmoothing),
            LabelSmoothing,
            $"{nameof(Objective)} {Objective} has no targets");

        Refuse(
            MinibatchStandardDeviation && BatchSize == 1, nameof(MinibatchStandardDeviation), true,
            $"with {nameof(BatchSize)} 1 nothing varies");
        bool hasPenalty = R1Weight > 0 || R2Weight > 0;
        string penalty = R1Weight > 0 ? nameof(R1Weight) : nameof(R2Weight);
        Refuse(
            hasPenalty && IsWasserstein, penalty, Math.Max(R1Weight, R2Weight),
            $"{nameof(Objective)} {Objective} bounds the gradient in its own way");
        Refuse(
            PenaltyInterval > 1 && !hasPenalty, nameof(PenaltyInterval), PenaltyInterval,
            $"{nameof(R1Weight)} and {nameof(R2Weight)} are 0");
        Refuse(
            Normalization == GanNormalization.Batch && (hasPenalty || Objective == GanObjective.WassersteinGradientPenalty),
            nameof(DiscriminatorNormalization), Normalization,
            "penalties of a gradient are of each row alone, and batch normalization mixes rows");
        Refuse(
            Normalization == GanNormalization.Batch && networks?.DiscriminatorHasBatchNormalization == false,
            nameof(DiscriminatorNormalization), Normalization,
            $"the discriminator of {nameof(Network)} {Network} has no batch normalization");
        Refuse(
            Normalization == GanNormalization.Spectral && Objective == GanObjective.Wasserstein, nameof(DiscriminatorNormalization),
            Normalization,
            $"{nameof(Objective)} {Objective} bounds the weights themselves, which spectral normalization undoes");
        Refuse(
            WeightClip != Defaults.WeightClip && Objective != GanObjective.Wasserstein, nameof(WeightClip), WeightClip,
            $"it is for {nameof(Objective)} {GanObjective.Wasserstein}");
        Refuse(
            GradientPenaltyWeight != Defaults.GradientPenaltyWeight && Objective != GanObjective.WassersteinGradientPenalty,
            nameof(GradientPenaltyWeight), GradientPenaltyWeight,
            $"it is for {nameof(Objective)} {GanObjective.WassersteinGradientPenalty}");
        Refuse(
            AdaptiveAugmentation && Augmentation == GanAugmentations.None, nameof(AdaptiveAugmentation), true,
            $"there is no {nameof(Augmentation)} to adapt");
        Refuse(
            AdaptiveAugmentation && IsWasserstein, nameof(AdaptiveAugmentation), true,
            $"the sign of D means nothing with {nameof(Objective)} {Objective}");
        Refuse(
            AugmentationTarget != Defaults.AugmentationTarget && !AdaptiveAugmentation, nameof(AugmentationTarget), AugmentationTarget,
            $"there is no {nameof(AdaptiveAugmentation)}");
        Refuse(
            AugmentationRows != Defaults.AugmentationRows && !AdaptiveAugmentation, nameof(AugmentationRows), AugmentationRows,
            $"there is no {nameof(AdaptiveAugmentation)}");
        Refuse(
            LabelEmbeddingSize != Defaults.LabelEmbeddingSize && LabelColumnName is null, nameof(LabelEmbeddingSize), LabelEmbeddingSize,
            $"there is no {nameof(LabelColumnName)}");
    }

    /// <summary>Refuses an option that would have no effect, or do harm, by its name.</summary>
    internal static void Refuse(bool isWrong, string option, object? value, string reason)
    {
        if (isWrong)
            throw new ArgumentException($"{option} is {value}, but {reason}.", option);
    }
}
