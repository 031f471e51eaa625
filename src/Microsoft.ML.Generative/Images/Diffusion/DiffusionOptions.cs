using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Diffusion;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Images.Diffusion.Schedulers;
using Microsoft.ML.Generative.Schedulers;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Training;

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
public sealed class DiffusionOptions : ImageTrainingOptions, IImageShapeOptions, ILabelOptions
{
    internal static new class Defaults
    {
        public const string InputColumnName = "Image";
        public const string GeneratedColumnName = "Generated";
        public const int Epochs = 50;
        public const int StepsOnCpu = 2500;
        public const int BatchSizeOnCpu = 32;
        public const int BatchSizeOnGpu = 64;
        public const double LearningRate = 0.0005;
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

        public static int[] BlockChannelsOnCpu => [16, 32, 64];

        public static int[] BlockChannelsOnGpu => [32, 64, 128];
    }

    private int? _batchSize;
    private int[]? _blockChannels;

    /// <summary>Passes over the data, at least 1. Default: 50; on a CPU no more than 2,500 steps.</summary>
    public override int Epochs
    {
        get => base.Epochs;
        set => base.Epochs = value;
    }

    /// <summary>Rows that go through the network at once, at least 1. Default: 32 on a CPU, 64 on a GPU.</summary>
    public override int BatchSize
    {
        get => _batchSize ?? (IsOnGpu ? Defaults.BatchSizeOnGpu : Defaults.BatchSizeOnCpu);
        set => _batchSize = value;
    }

    /// <summary>The learning rate after the warm-up, above 0. Default: 0.0005, or 0.005 where an adapter is trained.</summary>
    public override double LearningRate
    {
        get => base.LearningRate;
        set => base.LearningRate = value;
    }

    /// <summary>How the learning rate changes after the warm-up. Default: <see cref="LearningRateSchedule.Cosine"/>.</summary>
    public override LearningRateSchedule LearningRateSchedule { get; set; } = LearningRateSchedule.Cosine;

    /// <summary>The norm above which a gradient is scaled down to it, above 0. Default: 1.</summary>
    public override double? GradientClipNorm { get; set; } = 1;

    /// <summary>
    /// Decay of the moving average of the weights that becomes the model, 0 to 1; in step t it is at most (1 + t) / (10 + t). Default:
    /// 0.999.
    /// </summary>
    public override double? EmaDecay { get; set; } = 0.999;

    /// <summary>
    /// What the training multiplies in; the trained model computes in Float32 in any case. Default: <see cref="ComputePrecision.Auto"/>.
    /// </summary>
    public override ComputePrecision Precision { get; set; } = ComputePrecision.Auto;

    /// <summary>Steps over which the learning rate rises from 0, at least 0. Default: 200, and at most a tenth of the training.</summary>
    public override long? WarmupSteps { get; set; }

    /// <summary>
    /// The column to learn: images of one size, or a known-size vector of Single or Byte with a shape, values in 0..1 (bytes are scaled to
    /// it). Where the trained model transforms rows, it is read only with <see cref="TransformStrength"/>, or where there is no
    /// <see cref="SeedColumnName"/>. Default: Image.
    /// </summary>
    public string InputColumnName { get; set; } = Defaults.InputColumnName;

    /// <summary>
    /// The output column of the trained model: an image generated for the row, channels × height × width values in 0..1. Default:
    /// Generated.
    /// </summary>
    public string GeneratedColumnName { get; set; } = Defaults.GeneratedColumnName;

    /// <summary>
    /// A further output column of the trained model with the generated image as an image of ML.NET, gray, RGB or RGBA; for models of
    /// images. Default: none.
    /// </summary>
    public string? GeneratedImageColumnName { get; set; }

    /// <summary>A column of classes to condition on: a key, Boolean, or whole numbers from 0. Default: none.</summary>
    public string? LabelColumnName { get; set; }

    /// <summary>The number of classes, at least 1. Default: what the column says; needed for integers.</summary>
    public int? LabelCount { get; set; }

    /// <summary>
    /// The part of the rows whose class is dropped in training, 0 to below 1, so that the model can be guided (classifier-free guidance;
    /// Ho, Salimans 2022). Default: 0.1. With 0 a <see cref="DiffusionGenerateOptions.GuidanceScale"/> cannot be used.
    /// </summary>
    public double LabelDropout { get; set; } = Defaults.LabelDropout;

    /// <summary>How a U-Net is conditioned on the class. Default: <see cref="DiffusionLabelConditioning.Embedding"/>.</summary>
    public DiffusionLabelConditioning LabelConditioning { get; set; }

    /// <summary>
    /// A column of low-resolution images to condition on (super-resolution; Saharia et al. 2021, SR3): with the input's channels, and a
    /// height and width that divide the input's. Enlarged by bilinear interpolation, they are further channels of the network's input.
    /// Default: none.
    /// </summary>
    public string? LowResolutionColumnName { get; set; }

    /// <summary>
    /// A column of integers, the seeds of the rows' noise where the trained model transforms rows. Not needed for training. Default: none,
    /// the noise depends on the content of the row's input columns.
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
    /// their defaults or have to agree with it. It stays as it is. Default: none, the training begins with random weights.
    /// </summary>
    [JsonIgnore]
    public DiffusionTransformer? BaseModel { get; set; }

    /// <summary>
    /// Trains low-rank adapters on top of <see cref="BaseModel"/> in place of its weights, which stay as they are and are shared in memory.
    /// The model has the adapter beside the base. <see cref="LearningRate"/> is then 0.005 where it is not set, ten times that of other
    /// trainings. Default: none, all weights are trained; of a base model that uses an adapter, the adapter.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public LoraOptions? Adapter { get; set; }

    /// <summary>The network. Default: <see cref="DiffusionNetworkKind.UNet"/>.</summary>
    public DiffusionNetworkKind Network { get; set; }

    /// <summary>
    /// Channels of the U-Net's levels, from the finest; each further level halves height and width, which have to be divisible as often.
    /// Default: 16, 32, 64 on a CPU, 32, 64, 128 on a GPU.
    /// </summary>
    public int[] BlockChannels
    {
        get => _blockChannels ?? (IsOnGpu ? Defaults.BlockChannelsOnGpu : Defaults.BlockChannelsOnCpu);
        set => _blockChannels = value ?? [];
    }

    /// <summary>Residual blocks of a level in the encoder, at least 1; the decoder has one more. Default: 1.</summary>
    public int LayersPerBlock { get; set; } = Defaults.LayersPerBlock;

    /// <summary>
    /// The U-Net's levels with attention, 0 for the finest; the middle always has it. Default: 2, the coarsest of the default's three.
    /// </summary>
    public int[] AttentionLevels { get; set; } = [2];

    /// <summary>
    /// Channels of an attention head in the U-Net, at least 1; one head where it does not divide the channels of all levels with attention.
    /// Default: 64 (Dhariwal, Nichol 2021, section 3.1).
    /// </summary>
    public int AttentionHeadSize { get; set; } = Defaults.AttentionHeadSize;

    /// <summary>Groups of the U-Net's normalizations, at least 1; divides all <see cref="BlockChannels"/>. Default: 8.</summary>
    public int NormGroups { get; set; } = Defaults.NormGroups;

    /// <summary>
    /// Context embeddings per class with <see cref="DiffusionLabelConditioning.CrossAttention"/>, at least 1. Default: 4.
    /// </summary>
    public int ContextTokens { get; set; } = Defaults.ContextTokens;

    /// <summary>Pixels of a patch's side in the diffusion transformer, at least 1; divides height and width. Default: 2.</summary>
    public int PatchSize { get; set; } = Defaults.PatchSize;

    /// <summary>The diffusion transformer's hidden size: a multiple of 4 and of <see cref="DitHeads"/>. Default: 192.</summary>
    public int DitEmbeddingSize { get; set; } = Defaults.TransformerSize;

    /// <summary>Layers of the diffusion transformer, at least 1. Default: 6.</summary>
    public int DitLayers { get; set; } = Defaults.TransformerLayers;

    /// <summary>Attention heads of the diffusion transformer, at least 1. Default: 6.</summary>
    public int DitHeads { get; set; } = Defaults.TransformerHeads;

    /// <summary>Dropout inside the network while training, 0 to below 1. Default: 0.</summary>
    public double Dropout { get; set; }

    /// <summary>The process from images to noise. Default: <see cref="DiffusionProcess.Denoising"/>.</summary>
    public DiffusionProcess Process { get; set; }

    /// <summary>
    /// The noise schedule of <see cref="DiffusionProcess.Denoising"/>. Default: 1,000 timesteps, linear from 0.0001 to 0.02.
    /// </summary>
    public NoiseScheduleOptions NoiseSchedule { get; set; } = new();

    /// <summary>
    /// What the network predicts with <see cref="DiffusionProcess.Denoising"/>. Default: <see cref="PredictionType.Epsilon"/>, the noise.
    /// </summary>
    public PredictionType Prediction { get; set; } = PredictionType.Epsilon;

    /// <summary>The weight of each timestep in the loss. Default: <see cref="DiffusionLossWeighting.Simple"/>.</summary>
    public DiffusionLossWeighting LossWeighting { get; set; }

    /// <summary>γ of <see cref="DiffusionLossWeighting.MinSnr"/>, above 0. Default: 5.</summary>
    public double MinSnrGamma { get; set; } = Defaults.MinSnrGamma;

    /// <summary>
    /// Whether the network learns the variance of the reverse process too, by the variational bound (Nichol, Dhariwal 2021, section 3.1):
    /// better likelihoods, and fewer steps with <see cref="DiffusionSampler.Ddpm"/>. Default: false.
    /// </summary>
    public bool LearnsVariance { get; set; }

    /// <summary>λ: weight of the variational bound with <see cref="LearnsVariance"/>, above 0. Default: 0.001.</summary>
    public double VariationalWeight { get; set; } = Defaults.VariationalWeight;

    /// <summary>
    /// Mean of the logit-normal distribution of times with <see cref="DiffusionProcess.FlowMatching"/> (Esser et al. 2024, eq. 19): above 0
    /// noisy images count more. Default: 0.
    /// </summary>
    public double TimeMean { get; set; }

    /// <summary>Its standard deviation, above 0. Default: 1.</summary>
    public double TimeStandardDeviation { get; set; } = 1;

    /// <summary>Whether half of the images are flipped horizontally while training. Not for digits or letters. Default: false.</summary>
    public bool FlipsHorizontally { get; set; }

    /// <summary>The trained model's default sampler. Default: <see cref="DiffusionSampler.Default"/>.</summary>
    public DiffusionSampler Sampler { get; set; }

    /// <summary>The default number of the sampler's steps, at least 1. Default: 50.</summary>
    public int Steps { get; set; } = Defaults.Steps;

    /// <summary>
    /// Scale of classifier-free guidance where the trained model transforms rows, 0 to 1,000: 1 is none, more fits the class more clearly
    /// and varies less. Default: 1.
    /// </summary>
    public double GuidanceScale { get; set; } = 1;

    /// <summary>
    /// How far the trained model changes the row's image where it transforms rows, 0 to 1 (SDEdit; Meng et al. 2021): 0 keeps it, 1 ignores
    /// it and generates a new one. Default: 1.
    /// </summary>
    public double TransformStrength { get; set; } = 1;

    /// <summary>
    /// Rows that a transform computes at once, 1 to 65,536. The results do not depend on it, up to rounding. Default: 32.
    /// </summary>
    public int TransformBatchSize { get; set; } = Defaults.TransformBatchSize;

    internal RowColumns Columns =>
        new(
            InputColumnName, Channels, Height, Width)
        {
            Label = LabelColumnName,
            LabelCount = LabelCount,
            Seed = SeedColumnName,
            AreImages = true
        };

    /// <summary>Whether the network learns images without a class, so that it can be guided.</summary>
    internal bool HasNullLabel => LabelColumnName is not null && LabelDropout > 0;

    internal override int DefaultEpochs => Defaults.Epochs;

    internal override long? StepsOnCpu => Defaults.StepsOnCpu;

    internal override double DefaultLearningRate => TrainsAdapter ? 10 * Defaults.LearningRate : Defaults.LearningRate;

    internal bool TrainsAdapter => Adapter is not null || BaseModel?.ActiveAdapter is not null;

    internal override MemberHistory History => DiffusionOldFormats.Options;

    internal override long DefaultWarmupSteps(long totalSteps) => Math.Min(200, totalSteps / 10);

    internal override DiffusionOptions Copy()
    {
        var copy = (DiffusionOptions)base.Copy();
        copy._blockChannels = _blockChannels is null ? null : [.. _blockChannels];
        copy.AttentionLevels = [.. AttentionLevels ?? []];
        copy.Adapter = Adapter?.Copy();
        return copy;
    }

    internal override IReadOnlyList<string> SizeOptions =>
        [nameof(BlockChannels), nameof(LayersPerBlock), nameof(DitLayers), nameof(DitEmbeddingSize), nameof(LabelCount)];

    internal override IBaseModel? Base => BaseModel;

    internal override void TakeFromBase()
    {
        if (BaseModel?.Definition.Architecture is not { } model)
            return;
        var own = new BaseOptions<DiffusionOptions>(this, new DiffusionOptions());
        TakeConditions(own, model);
        own.TakeShape(model.Shape);
        Process = own.Take(o => o.Process, model.Process);
        NoiseSchedule = own.Take(o => o.NoiseSchedule, model.NoiseSchedule);
        Prediction = own.Take(o => o.Prediction, model.Prediction);
        LearnsVariance = own.Take(o => o.LearnsVariance, model.LearnsVariance);
        Network = own.Take(o => o.Network, model.UNet is null ? DiffusionNetworkKind.Dit : DiffusionNetworkKind.UNet);
        if (model.UNet is { } unet)
            TakeUNet(own, unet);
        else
            TakeDit(own, model.Dit!);
    }

    private void TakeConditions(BaseOptions<DiffusionOptions> own, DiffusionArchitecture model)
    {
        own.TakeLabels(model.LabelCount);
        // A network without the class of images without one cannot learn it; one that has it can leave it as it is.
        if (LabelColumnName is not null && !model.HasNullLabel)
            LabelDropout = own.Take(o => o.LabelDropout, 0);
        if (LowResolutionColumnName is null != model.LowResolution is null)
            throw new ArgumentException(
                $"{nameof(LowResolutionColumnName)} is {(LowResolutionColumnName is { } name ? $"'{name}'" : "not set")}, but the base "
                + "model is "
                + $"{(model.LowResolution is { } low ? $"conditioned on images of {low}" : "not conditioned on images")}.");
    }

    // A loaded network may have blocks that options cannot describe: it is checked as far as they can.
    private void TakeUNet(BaseOptions<DiffusionOptions> own, UNetArchitecture unet)
    {
        BlockChannels = own.Take(o => o.BlockChannels, unet.BlockOutChannels);
        LayersPerBlock = own.Take(o => o.LayersPerBlock, unet.LayersPerBlock);
        AttentionLevels = own.Take(
            o => o.AttentionLevels,
            [.. Enumerable.Range(0, unet.Levels).Where(level => unet.DownBlocks[level] == UNetBlockKind.Attention)]);
        if (unet.AttentionHeadSize is { } headSize)
            AttentionHeadSize = own.Take(o => o.AttentionHeadSize, headSize);
        NormGroups = own.Take(o => o.NormGroups, unet.NormGroups);
        LabelConditioning = own.Take(
            o => o.LabelConditioning,
            unet.ContextTokens > 0 ? DiffusionLabelConditioning.CrossAttention : DiffusionLabelConditioning.Embedding);
        if (unet.ContextTokens > 0)
            ContextTokens = own.Take(o => o.ContextTokens, unet.ContextTokens);
    }

    private void TakeDit(BaseOptions<DiffusionOptions> own, DitArchitecture dit)
    {
        PatchSize = own.Take(o => o.PatchSize, dit.PatchSize);
        DitEmbeddingSize = own.Take(o => o.DitEmbeddingSize, dit.HiddenSize);
        DitLayers = own.Take(o => o.DitLayers, dit.Layers);
        DitHeads = own.Take(o => o.DitHeads, dit.Heads);
    }

    internal override void ValidateForTraining()
    {
        base.ValidateForTraining();
        using (BaseModel?.Use())
            AdapterOptions.Check(this, Adapter, BaseModel?.Networks);
    }

    internal override void Validate()
    {
        base.Validate();
        Columns.Validate();
        Adapter?.Validate();
        OptionChecks.DifferentNames([GeneratedColumnName], GeneratedImageColumnName);
        OptionChecks.NullOrNotEmpty(LowResolutionColumnName);
        OptionChecks.Below(LabelDropout, 1);
        OptionChecks.Defined(Network);
        OptionChecks.Defined(LabelConditioning);
        OptionChecks.AllAtLeast(BlockChannels, 1);
        OptionChecks.Between(BlockChannels.Length, 1, 16, nameof(BlockChannels));
        OptionChecks.AllAtLeast(AttentionLevels, 0);
        if (Network == DiffusionNetworkKind.UNet && AttentionLevels.Any(level => level >= BlockChannels.Length))
        {
            throw new ArgumentException(
                $"{nameof(AttentionLevels)} has {AttentionLevels.Max()}; expected 0 to {BlockChannels.Length - 1}, the levels of "
                + $"{nameof(BlockChannels)}.", nameof(AttentionLevels));
        }

        OptionChecks.AtLeast(AttentionHeadSize, 1);
        OptionChecks.AtLeast(ContextTokens, 1);
        OptionChecks.AtLeast(NormGroups, 1);
        if (Network == DiffusionNetworkKind.UNet && Array.Find(BlockChannels, channels => channels % NormGroups != 0) is > 0 and var odd)
        {
            throw new ArgumentException(
                $"{nameof(NormGroups)} is {NormGroups}; expected a number that divides {odd} and the other {nameof(BlockChannels)}.",
                nameof(NormGroups));
        }

        OptionChecks.AtLeast(PatchSize, 1);
        OptionChecks.AtLeast(DitLayers, 1);
        OptionChecks.AtLeast(DitHeads, 1);
        OptionChecks.AtLeast(DitEmbeddingSize, 1);
        if (Network == DiffusionNetworkKind.Dit && (DitEmbeddingSize % 4 != 0 || DitEmbeddingSize % DitHeads != 0))
        {
            throw new ArgumentException(
                $"{nameof(DitEmbeddingSize)} is {DitEmbeddingSize}; expected a multiple of 4, and of {nameof(DitHeads)}, {DitHeads}.",
                nameof(DitEmbeddingSize));
        }

        if (LabelConditioning == DiffusionLabelConditioning.CrossAttention
            && (LabelColumnName is null || Network != DiffusionNetworkKind.UNet))
        {
            throw new ArgumentException(
                $"{nameof(LabelConditioning)} is {LabelConditioning}: that needs a {nameof(LabelColumnName)} and "
                + $"{nameof(DiffusionNetworkKind)}.{DiffusionNetworkKind.UNet}.", nameof(LabelConditioning));
        }

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
                    $"{nameof(Process)} is {Process}: {nameof(LearnsVariance)}, {nameof(LossWeighting)} and {nameof(Prediction)} are for "
                    + $"{DiffusionProcess.Denoising}.", nameof(Process));
        }
        else if (NoiseSchedule.RescaleBetasZeroSnr && (Prediction == PredictionType.Epsilon || LearnsVariance))
        {
            throw new ArgumentException(
                $"{nameof(NoiseScheduleOptions.RescaleBetasZeroSnr)} is set: at the last timestep there is nothing but noise, so "
                + $"{nameof(Prediction)} has to be {PredictionType.Velocity} or {PredictionType.Sample}, without {nameof(LearnsVariance)}.",
                nameof(Prediction));
        }

        OptionChecks.Defined(Sampler);
        if (Sampler != DiffusionSampler.Default && Sampler == DiffusionSampler.FlowMatchEuler != (Process == DiffusionProcess.FlowMatching))
        {
            throw new ArgumentException(
                $"{nameof(Sampler)} is {Sampler}, which cannot be combined with {nameof(Process)} {Process}.", nameof(Sampler));
        }

        if (Sampler != DiffusionSampler.Default)
            SchedulerKinds.Of(Sampler).Check(NoiseSchedule, Prediction);
        OptionChecks.AtLeast(Steps, 1);
        OptionChecks.Between(GuidanceScale, 0, DiffusionGenerateOptions.MostGuidance);
        if (GuidanceScale != 1 && !HasNullLabel)
        {
            throw new ArgumentException(
                $"{nameof(GuidanceScale)} is {GuidanceScale}: guidance needs a {nameof(LabelColumnName)} and {nameof(LabelDropout)} above "
                + "0.", nameof(GuidanceScale));
        }

        OptionChecks.Between(TransformStrength, 0, 1);
        OptionChecks.RowsAtOnce(TransformBatchSize);
    }
}
