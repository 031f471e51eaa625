using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Images.Diffusion;
using Microsoft.ML.Generative.Schedulers;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative;

/// <summary>Options of <see cref="DiffusionEstimator"/>.</summary>
/// <example>
/// <code>
/// var diffusion = mlContext.Transforms.Generative().Diffusion(new DiffusionOptions
/// {
///     InputColumnName = "Image",
///     LabelColumnName = "Label",
///     Epochs = 50,
///     SampleDirectory = "samples",
///     Progress = new Progress&lt;TrainingProgress&gt;(p => Console.WriteLine($"{p.Step}/{p.TotalSteps} {p.Loss:F4}")),
/// });
/// </code>
/// </example>
public sealed class DiffusionOptions : ImageTrainingOptions
{
    internal static new class Defaults
    {
        public const string InputColumnName = "Image";
        public const string GeneratedColumnName = "Generated";
        public const int Epochs = 50;
        public const int BatchSize = 64;
        public const double LabelDropout = 0.1;
        public const int LayersPerBlock = 1;
        public const int AttentionHeadSize = 64;
        public const int NormGroups = 8;
        public const int ContextTokens = 4;
        public const int PatchSize = 2;
        public const int TransformerSize = 192;
        public const int TransformerLayers = 6;
        public const int TransformerHeads = 6;
        public const double VariationalWeight = 0.001;
        public const double MinSnrGamma = 5;
        public const int Steps = 50;
        public const int TransformBatchSize = 32;
    }

    /// <summary>
    /// Initializes options with their defaults: 50 epochs of Adam at a learning rate of 0.0005 with warm-up and a cosine down to 0, gradients clipped to a norm of 1, a moving
    /// average of the weights with decay 0.999, and products in BFloat16 where the device has instructions for it.
    /// </summary>
    public DiffusionOptions()
    {
        Epochs = Defaults.Epochs;
        BatchSize = Defaults.BatchSize;
        LearningRate = 5e-4;
        LearningRateSchedule = LearningRateSchedule.Cosine;
        GradientClipNorm = 1;
        EmaDecay = 0.999;
        Precision = ComputePrecision.Auto;
    }

    /// <summary>
    /// The column to learn: images of one size, or a known-size vector of Single or Byte with a shape, values in 0..1 (bytes are scaled to it). Where the trained
    /// model transforms rows, it is read only with <see cref="TransformStrength"/>, or where there is no <see cref="SeedColumnName"/>. Default: Image.
    /// </summary>
    public string InputColumnName { get; set; } = Defaults.InputColumnName;

    /// <summary>The output column of the trained model: an image drawn for the row, channels × height × width values in 0..1. Default: Generated.</summary>
    public string GeneratedColumnName { get; set; } = Defaults.GeneratedColumnName;

    /// <summary>A column of classes to condition on: a key, or integers from 0. Default: none.</summary>
    public string? LabelColumnName { get; set; }

    /// <summary>How many classes there are, at least 1. Default: what the key column says; needed for integers.</summary>
    public int? LabelCount { get; set; }

    /// <summary>
    /// The part of the rows that learn without their class, 0 to below 1, so that the model can be guided (classifier-free guidance; Ho, Salimans 2022).
    /// Default: 0.1. With 0 a <see cref="DiffusionGenerateOptions.GuidanceScale"/> cannot be used.
    /// </summary>
    public double LabelDropout { get; set; } = Defaults.LabelDropout;

    /// <summary>How a U-Net is told the class. Default: <see cref="DiffusionLabelConditioning.Embedding"/>.</summary>
    public DiffusionLabelConditioning LabelConditioning { get; set; }

    /// <summary>
    /// A column of smaller images to condition on (super-resolution; Saharia et al. 2021, SR3): of the same channels, height and width divide those of the
    /// input. They are enlarged by bilinear interpolation and given to the network beside the noisy image. Default: none.
    /// </summary>
    public string? LowResolutionColumnName { get; set; }

    /// <summary>
    /// A column of integers that the trained model draws each row's noise from, where it transforms rows. Not needed for training. Default: none, the noise follows
    /// from the content of the row's input columns.
    /// </summary>
    public string? SeedColumnName { get; set; }

    /// <summary>Channels of the images, 1 to 4. Default: what the column's type says; 3 for image columns; else 1.</summary>
    /// <remarks>An image column is read as gray with 1, RGB with 3 and RGBA with 4. Vectors hold one plane a channel.</remarks>
    public int? Channels { get; set; }

    /// <summary>Height of the images in pixels. Default: what the column's type or first image says.</summary>
    public int? Height { get; set; }

    /// <summary>Width of the images in pixels. Default: what the column's type or first image says.</summary>
    public int? Width { get; set; }

    /// <summary>The network. Default: <see cref="DiffusionNetworkKind.UNet"/>.</summary>
    public DiffusionNetworkKind Network { get; set; }

    /// <summary>
    /// Channels of the U-Net's levels, from the finest; each halves height and width, which have to be divisible so often. Default: 32, 64, 128.
    /// </summary>
    public int[] BlockChannels { get; set; } = [32, 64, 128];

    /// <summary>Residual blocks of a level on the way down, at least 1; one more on the way up. Default: 1.</summary>
    public int LayersPerBlock { get; set; } = Defaults.LayersPerBlock;

    /// <summary>The U-Net's levels with attention, 0 for the finest; the middle always has it. Default: 2, of the default's three the coarsest.</summary>
    public int[] AttentionLevels { get; set; } = [2];

    /// <summary>
    /// Channels of an attention head in the U-Net, at least 1; where a level has fewer, or a number that it does not divide, there is one head. Default: 64
    /// (Dhariwal, Nichol 2021, section 3.1).
    /// </summary>
    public int AttentionHeadSize { get; set; } = Defaults.AttentionHeadSize;

    /// <summary>Groups of the U-Net's normalizations, at least 1; divides all <see cref="BlockChannels"/>. Default: 8.</summary>
    public int NormGroups { get; set; } = Defaults.NormGroups;

    /// <summary>Vectors for each class with <see cref="DiffusionLabelConditioning.CrossAttention"/>, at least 1. Default: 4.</summary>
    public int ContextTokens { get; set; } = Defaults.ContextTokens;

    /// <summary>Pixels of a patch's side in the transformer, at least 1; divides height and width. Default: 2.</summary>
    public int PatchSize { get; set; } = Defaults.PatchSize;

    /// <summary>Numbers of a token's vector in the transformer: a multiple of 4 and of <see cref="DitHeads"/>. Default: 192.</summary>
    public int DitEmbeddingSize { get; set; } = Defaults.TransformerSize;

    /// <summary>Layers of the transformer, at least 1. Default: 6.</summary>
    public int DitLayers { get; set; } = Defaults.TransformerLayers;

    /// <summary>Attention heads of the transformer, at least 1. Default: 6.</summary>
    public int DitHeads { get; set; } = Defaults.TransformerHeads;

    /// <summary>The probability with which values inside of the network are dropped while training, 0 to below 1. Default: 0.</summary>
    public double Dropout { get; set; }

    /// <summary>The way to noise. Default: <see cref="DiffusionProcess.Denoising"/>.</summary>
    public DiffusionProcess Process { get; set; }

    /// <summary>The variances of <see cref="DiffusionProcess.Denoising"/>. Default: 1,000 timesteps, linear from 0.0001 to 0.02.</summary>
    public NoiseScheduleOptions NoiseSchedule { get; set; } = new();

    /// <summary>
    /// What the network learns to tell with <see cref="DiffusionProcess.Denoising"/>. Default: <see cref="PredictionType.Epsilon"/>, the noise.
    /// </summary>
    public PredictionType Prediction { get; set; } = PredictionType.Epsilon;

    /// <summary>How much each timestep counts. Default: <see cref="DiffusionLossWeighting.Simple"/>.</summary>
    public DiffusionLossWeighting LossWeighting { get; set; }

    /// <summary>γ of <see cref="DiffusionLossWeighting.MinSnr"/>, above 0. Default: 5.</summary>
    public double MinSnrGamma { get; set; } = Defaults.MinSnrGamma;

    /// <summary>
    /// Whether the network learns the variance of the steps back too, by the variational bound (Nichol, Dhariwal 2021, section 3.1): better likelihoods, and
    /// fewer steps with <see cref="DiffusionSampler.Ddpm"/>. Default: false.
    /// </summary>
    public bool LearnsVariance { get; set; }

    /// <summary>λ: weight of the variational bound with <see cref="LearnsVariance"/>, above 0. Default: 0.001.</summary>
    public double VariationalWeight { get; set; } = Defaults.VariationalWeight;

    /// <summary>
    /// Mean of the normal distribution whose logistic function <see cref="DiffusionProcess.FlowMatching"/> draws times from (Esser et al. 2024, eq. 19): above
    /// 0 learns more about noisy images. Default: 0.
    /// </summary>
    public double TimeMean { get; set; }

    /// <summary>Its standard deviation, above 0. Default: 1.</summary>
    public double TimeStandardDeviation { get; set; } = 1;

    /// <summary>Whether half of the images are flipped left to right while training. Not for digits or letters. Default: false.</summary>
    public bool FlipsHorizontally { get; set; }

    /// <summary>Sampler of the trained model, unless a call says otherwise. Default: <see cref="DiffusionSampler.Default"/>.</summary>
    public DiffusionSampler Sampler { get; set; }

    /// <summary>Steps of the sampler, at least 1, unless a call says otherwise. Default: 50.</summary>
    public int Steps { get; set; } = Defaults.Steps;

    /// <summary>
    /// Scale of classifier-free guidance where the trained model transforms rows, at least 0: 1 is none, more fits the class more clearly and varies less.
    /// Default: 1.
    /// </summary>
    public double GuidanceScale { get; set; } = 1;

    /// <summary>
    /// How far the trained model goes from the row's image where it transforms rows, 0 to 1 (SDEdit; Meng et al. 2021): 0 keeps it, 1 draws a new one and
    /// does not look at it. Default: 1.
    /// </summary>
    public double TransformStrength { get; set; } = 1;

    /// <summary>Rows that a transform computes at once, 1 to 65,536. The results do not depend on it, up to rounding. Default: 32.</summary>
    public int TransformBatchSize { get; set; } = Defaults.TransformBatchSize;

    /// <summary>Whether the model can be guided: it learned what images without a class are like.</summary>
    internal bool HasNullLabel => LabelColumnName is not null && LabelDropout > 0;

    internal override MemberHistory History => DiffusionOldFormats.Options;

    internal override long DefaultWarmupSteps(long totalSteps) => Math.Min(200, totalSteps / 10);

    internal override DiffusionOptions Copy()
    {
        var copy = (DiffusionOptions)base.Copy();
        copy.BlockChannels = [.. BlockChannels ?? []];
        copy.AttentionLevels = [.. AttentionLevels ?? []];
        return copy;
    }

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.NotEmpty(InputColumnName);
        OptionChecks.DifferentNames(GeneratedColumnName);
        OptionChecks.NullOrNotEmpty(SeedColumnName);
        OptionChecks.NullOrNotEmpty(LowResolutionColumnName);
        OptionChecks.NullOrNotEmpty(LabelColumnName);
        OptionChecks.AtLeast(LabelCount, 1);
        OptionChecks.Below(LabelDropout, 1);
        if (LabelCount is not null && LabelColumnName is null)
            throw new ArgumentException($"{nameof(LabelCount)} is {LabelCount}, but there is no {nameof(LabelColumnName)}.", nameof(LabelCount));

        OptionChecks.Defined(Network);
        OptionChecks.Defined(LabelConditioning);
        OptionChecks.AllAtLeast(BlockChannels, 1);
        OptionChecks.Between(BlockChannels.Length, 1, 16, nameof(BlockChannels));
        OptionChecks.AllAtLeast(AttentionLevels, 0);
        if (Network == DiffusionNetworkKind.UNet && AttentionLevels.Any(level => level >= BlockChannels.Length))
            throw new ArgumentException($"{nameof(AttentionLevels)} has {AttentionLevels.Max()}; expected 0 to {BlockChannels.Length - 1}, the levels of {nameof(BlockChannels)}.", nameof(AttentionLevels));
        OptionChecks.AtLeast(AttentionHeadSize, 1);
        OptionChecks.AtLeast(ContextTokens, 1);
        if (LabelConditioning == DiffusionLabelConditioning.CrossAttention && (LabelColumnName is null || Network != DiffusionNetworkKind.UNet))
            throw new ArgumentException($"{nameof(LabelConditioning)} is {LabelConditioning}: that needs a {nameof(LabelColumnName)} and {nameof(DiffusionNetworkKind)}.{DiffusionNetworkKind.UNet}.", nameof(LabelConditioning));
        OptionChecks.Below(Dropout, 1);

        OptionChecks.Defined(Process);
        ArgumentNullException.ThrowIfNull(NoiseSchedule);
        NoiseSchedule.Validate();
        OptionChecks.Defined(Prediction);
        OptionChecks.Defined(LossWeighting);
        OptionChecks.Positive(MinSnrGamma);
        OptionChecks.Positive(VariationalWeight);
        OptionChecks.Between(TimeMean, -100, 100);
        OptionChecks.Positive(TimeStandardDeviation);
        if (Process == DiffusionProcess.FlowMatching)
        {
            if (LearnsVariance || LossWeighting != DiffusionLossWeighting.Simple || Prediction != PredictionType.Epsilon)
                throw new ArgumentException(
                    $"{nameof(Process)} is {Process}: {nameof(LearnsVariance)}, {nameof(LossWeighting)} and {nameof(Prediction)} are for {DiffusionProcess.Denoising}.", nameof(Process));
        }
        else if (NoiseSchedule.RescaleBetasZeroSnr && (Prediction == PredictionType.Epsilon || LearnsVariance))
        {
            throw new ArgumentException(
                $"{nameof(NoiseScheduleOptions.RescaleBetasZeroSnr)} is set: at the last timestep there is nothing but noise, so {nameof(Prediction)} has to be {PredictionType.Velocity} or {PredictionType.Sample}, without {nameof(LearnsVariance)}.",
                nameof(Prediction));
        }

        OptionChecks.Defined(Sampler);
        if (Sampler != DiffusionSampler.Default && Sampler == DiffusionSampler.FlowMatchEuler != (Process == DiffusionProcess.FlowMatching))
            throw new ArgumentException($"{nameof(Sampler)} is {Sampler}, which does not go with {nameof(Process)} {Process}.", nameof(Sampler));
        OptionChecks.AtLeast(Steps, 1);
        OptionChecks.AtLeast(GuidanceScale, 0);
        if (GuidanceScale != 1 && !HasNullLabel)
            throw new ArgumentException($"{nameof(GuidanceScale)} is {GuidanceScale}: guidance needs a {nameof(LabelColumnName)} and {nameof(LabelDropout)} above 0.", nameof(GuidanceScale));
        OptionChecks.Between(TransformStrength, 0, 1);
        OptionChecks.Between(TransformBatchSize, 1, BatchTransformer.MaxRowsAtOnce);
        OptionChecks.AtLeast(Channels, 1);
        OptionChecks.AtLeast(Height, 1);
        OptionChecks.AtLeast(Width, 1);
    }
}
