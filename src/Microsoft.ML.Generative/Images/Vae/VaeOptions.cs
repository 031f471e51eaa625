using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Vae;
using Microsoft.ML.Generative.Images.Vae.Networks;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Training;

namespace Microsoft.ML.Generative;

/// <summary>The network that a variational autoencoder is made of.</summary>
public enum VaeNetworkKind
{
    /// <summary>Fully connected layers of <see cref="VaeOptions.HiddenSizes"/>; for images and for plain features.</summary>
    Mlp,

    /// <summary>Convolutions of <see cref="VaeOptions.ConvolutionChannels"/>, each halving height and width; for images.</summary>
    Convolutional,
}

/// <summary>What the decoder's output says of a value: p(x|z).</summary>
public enum VaeLikelihood
{
    /// <summary>
    /// Values 0..1, taken as the probability of a one (Kingma and Welling 2013, appendix C.1). For black and white or grey images.
    /// </summary>
    Bernoulli,

    /// <summary>
    /// Real values with normal noise of <see cref="VaeOptions.NoiseStandardDeviation"/> (Kingma and Welling 2013, appendix C.2).
    /// </summary>
    Gaussian,

    /// <summary>
    /// Real values with normal noise of one size, which is learned and begins with <see cref="VaeOptions.NoiseStandardDeviation"/> (Rybkin,
    /// Daniilidis, Levine 2021). Balances reconstruction and KL by itself.
    /// </summary>
    LearnedGaussian,

    /// <summary>
    /// Values 0..1 in 256 levels, as pixels are: the probability of the level, by a logistic distribution with a learned scale for each
    /// channel (Kingma et al. 2016; Salimans et al. 2017). A likelihood that can be compared with other models' bits per pixel; for color
    /// images.
    /// </summary>
    DiscretizedLogistic,
}

/// <summary>How the weight of the KL term goes up while training.</summary>
public enum KlAnnealing
{
    /// <summary>It is <see cref="VaeOptions.Beta"/> from the first step.</summary>
    Constant,

    /// <summary>
    /// From 0 in a straight line over <see cref="VaeOptions.KlWarmup"/> of the training (Bowman et al. 2016; Sønderby et al. 2016).
    /// </summary>
    Linear,

    /// <summary>
    /// In <see cref="VaeOptions.KlCycles"/> cycles, each rising from 0 over <see cref="VaeOptions.KlWarmup"/> of it (Fu et al. 2019).
    /// </summary>
    Cyclical,
}

/// <summary>Options of <see cref="VaeEstimator"/>.</summary>
/// <example>
/// <code>
/// var vae = mlContext.Transforms.Generative().Vae(new VaeOptions
/// {
///     InputColumnName = "Image",
///     LatentSize = 2,
///     Epochs = 20,
///     Progress = new Progress&lt;TrainingProgress&gt;(p => Console.WriteLine($"{p.Step}/{p.TotalSteps} {p.Loss:F1}")),
/// });
/// </code>
/// </example>
public sealed class VaeOptions : ImageTrainingOptions, IImageShapeOptions, ILabelOptions
{
    internal static new class Defaults
    {
        public const string InputColumnName = "Image";
        public const int Epochs = 10;
        public const string LatentColumnName = "Latent";
        public const string ReconstructionColumnName = "Reconstruction";
        public const string ReconstructionErrorColumnName = "ReconstructionError";
        public const string NegativeElboColumnName = "NegativeElbo";
        public const int LatentSize = 20;
        public const VaeNetworkKind Architecture = VaeNetworkKind.Mlp;
        public const VaeLikelihood Likelihood = VaeLikelihood.Bernoulli;
        public const double Beta = 1;
        public const double NoiseStandardDeviation = 0.1;
        public const double BetaWarmup = 0.25;
        public const int BetaCycles = 4;
        public const int ImportanceSamples = 1;
        public const int TransformBatchSize = 256;
    }

    /// <summary>Passes over the data, at least 1. Default: 10.</summary>
    public override int Epochs
    {
        get => base.Epochs;
        set => base.Epochs = value;
    }

    /// <summary>The learning rate after the warm-up, above 0. Default: 0.007.</summary>
    public override double LearningRate { get; set; } = 0.007;

    /// <summary>Decay of Adam's second moment, 0 to 1. Default: 0.99.</summary>
    public override double Beta2 { get; set; } = 0.99;

    /// <summary>How the learning rate changes after the warm-up. Default: <see cref="LearningRateSchedule.Cosine"/>.</summary>
    public override LearningRateSchedule LearningRateSchedule { get; set; } = LearningRateSchedule.Cosine;

    /// <summary>Steps over which the learning rate rises from 0, at least 0. Default: 200, and at most a tenth of the training.</summary>
    public override long? WarmupSteps { get; set; }

    /// <summary>
    /// The column to learn: images of one size, or a known-size vector of Single or Byte (bytes are scaled to 0..1). Default: Image.
    /// </summary>
    public string InputColumnName { get; set; } = Defaults.InputColumnName;

    /// <summary>The output column with the latent mean, a vector of <see cref="LatentSize"/> values. Default: Latent.</summary>
    public string LatentColumnName { get; set; } = Defaults.LatentColumnName;

    /// <summary>The output column with the decoder's mean for the latent mean, of the input's size. Default: Reconstruction.</summary>
    public string ReconstructionColumnName { get; set; } = Defaults.ReconstructionColumnName;

    /// <summary>
    /// A further output column of the trained model with the reconstruction as an image of ML.NET, gray, RGB or RGBA; for models of images.
    /// Default: none.
    /// </summary>
    public string? ReconstructionImageColumnName { get; set; }

    /// <summary>
    /// The output column with the reconstruction error −log p(x|z), in nats, for one z sampled from q(z|x). Default: ReconstructionError.
    /// </summary>
    public string ReconstructionErrorColumnName { get; set; } = Defaults.ReconstructionErrorColumnName;

    /// <summary>
    /// The output column with the anomaly score −ELBO, in nats: the reconstruction error plus KL(q(z|x) ‖ p(z)). Default: NegativeElbo.
    /// </summary>
    public string NegativeElboColumnName { get; set; } = Defaults.NegativeElboColumnName;

    /// <summary>Channels of the images, 1 to 4. Default: what the column's type says; 3 for image columns; else 1.</summary>
    /// <remarks>An image column is read as gray with 1, RGB with 3 and RGBA with 4. Vectors hold one plane a channel.</remarks>
    public int? Channels { get; set; }

    /// <summary>Height of the images in pixels, at least 1. Default: what the column's type or first image says.</summary>
    public int? Height { get; set; }

    /// <summary>Width of the images in pixels, at least 1. Default: what the column's type or first image says.</summary>
    public int? Width { get; set; }

    /// <summary>Dimensions of the latent space, at least 1. Default: 20.</summary>
    public int LatentSize { get; set; } = Defaults.LatentSize;

    /// <summary>
    /// A trained or loaded model to continue from: its network and its weights in place of the options of the network, which are left at
    /// their defaults or have to agree with it. It stays as it is. Default: none, the training begins with random weights.
    /// </summary>
    [JsonIgnore]
    public VaeTransformer? BaseModel { get; set; }

    /// <summary>The kind of network. Default: <see cref="VaeNetworkKind.Mlp"/>.</summary>
    public VaeNetworkKind Network { get; set; } = Defaults.Architecture;

    /// <summary>Sizes of the encoder's hidden layers; the decoder has the same in reverse. Default: 400.</summary>
    public int[] HiddenSizes { get; set; } = [400];

    /// <summary>
    /// Channels of the encoder's convolutions, each halving height and width; the decoder has the same in reverse. Default: 32, 64.
    /// </summary>
    public int[] ConvolutionChannels { get; set; } = [32, 64];

    /// <summary>The likelihood p(x|z). Default: <see cref="VaeLikelihood.Bernoulli"/>.</summary>
    public VaeLikelihood Likelihood { get; set; } = Defaults.Likelihood;

    /// <summary>
    /// The column with each row's class, a key, Boolean or a whole number from 0, that the model is conditioned on: it then generates rows
    /// of a class (Sohn, Lee, Yan 2015). Default: none.
    /// </summary>
    public string? LabelColumnName { get; set; }

    /// <summary>Classes in <see cref="LabelColumnName"/>, at least 1. Default: what the column says; needed for integers.</summary>
    public int? LabelCount { get; set; }

    /// <summary>
    /// Whether each training step samples black and white images with the pixels as probabilities of white (Salakhutdinov, Murray 2008), so
    /// that none is seen twice; for <see cref="VaeLikelihood.Bernoulli"/>. Scores take the pixels as they are; a log-likelihood is
    /// evaluated on images binarized once. Default: false.
    /// </summary>
    public bool DynamicBinarization { get; set; }

    /// <summary>
    /// The standard deviation of <see cref="VaeLikelihood.Gaussian"/>, in the input's unit, above 0; where
    /// <see cref="VaeLikelihood.LearnedGaussian"/> begins. Default: 0.1.
    /// </summary>
    public double NoiseStandardDeviation { get; set; } = Defaults.NoiseStandardDeviation;

    /// <summary>
    /// Weight of the KL term while training, at least 0 (β-VAE, Higgins et al. 2017). Scores always have it at 1. Default: 1.
    /// </summary>
    public double Beta { get; set; } = Defaults.Beta;

    /// <summary>
    /// How the weight of the KL term goes up to <see cref="Beta"/> while training. Default: <see cref="KlAnnealing.Constant"/>.
    /// </summary>
    public KlAnnealing KlAnnealing { get; set; } = KlAnnealing.Constant;

    /// <summary>The part of the training, or of each cycle, in which the weight rises, above 0, at most 1. Default: 0.25.</summary>
    public double KlWarmup { get; set; } = Defaults.BetaWarmup;

    /// <summary>Cycles of <see cref="KlAnnealing.Cyclical"/>, at least 1. Default: 4.</summary>
    public int KlCycles { get; set; } = Defaults.BetaCycles;

    /// <summary>
    /// Nats that each latent dimension may carry for free while training, at least 0: the KL term counts a dimension, averaged over the
    /// batch, as no less than this, so that no dimension is given up early (Kingma et al. 2016, appendix C.8). Default: 0.
    /// </summary>
    public double FreeBits { get; set; }

    /// <summary>
    /// Samples of z for each row in training, at least 1. With more than 1 the training follows the importance-weighted bound (Burda,
    /// Grosse, Salakhutdinov 2015), which is tighter than the ELBO and costs as many times the decoder; then <see cref="Beta"/> is 1,
    /// without schedule and free bits. Default: 1.
    /// </summary>
    public int ImportanceSamples { get; set; } = Defaults.ImportanceSamples;

    /// <summary>Rows that a transform computes at once, 1 to 65,536. The results do not depend on it. Default: 256.</summary>
    public int TransformBatchSize { get; set; } = Defaults.TransformBatchSize;

    internal override int DefaultEpochs => Defaults.Epochs;

    internal override MemberHistory History => VaeOldFormats.Options;

    internal RowColumns Columns => new(InputColumnName, Channels, Height, Width) { Label = LabelColumnName, LabelCount = LabelCount };

    internal override long DefaultWarmupSteps(long totalSteps) => Math.Min(200, totalSteps / 10);

    internal override VaeOptions Copy()
    {
        var copy = (VaeOptions)base.Copy();
        copy.HiddenSizes = [.. HiddenSizes ?? []];
        copy.ConvolutionChannels = [.. ConvolutionChannels ?? []];
        return copy;
    }

    internal override IReadOnlyList<string> SizeOptions =>
        [nameof(HiddenSizes), nameof(ConvolutionChannels), nameof(LatentSize), nameof(LabelCount)];

    internal override IBaseModel? Base => BaseModel;

    internal override void TakeFromBase()
    {
        if (BaseModel?.Definition.Architecture is not { } network)
            return;
        var own = new BaseOptions<VaeOptions>(this, new VaeOptions());
        own.TakeLabels(network.LabelCount);
        if (network.Row.Image is { } image)
            own.TakeShape(image);

        Network = own.Take(o => o.Network, network.Network);
        VaeLayers.Of(network.Network).TakeSizes(this, own, network);
        LatentSize = own.Take(o => o.LatentSize, network.LatentSize);
        Likelihood = own.Take(o => o.Likelihood, network.Likelihood);
        NoiseStandardDeviation = own.Take(o => o.NoiseStandardDeviation, network.NoiseStandardDeviation);
        DynamicBinarization = own.Take(o => o.DynamicBinarization, network.BinarizesRows);
    }

    internal override void Validate()
    {
        base.Validate();
        Columns.Validate();
        OptionChecks.DifferentNames(
            [LatentColumnName, ReconstructionColumnName, ReconstructionErrorColumnName, NegativeElboColumnName],
            ReconstructionImageColumnName);

        OptionChecks.AtLeast(LatentSize, 1);
        OptionChecks.Positive(NoiseStandardDeviation);
        OptionChecks.AtLeast(Beta, 0);
        OptionChecks.Defined(KlAnnealing);
        OptionChecks.Positive(KlWarmup);
        OptionChecks.Between(KlWarmup, 0, 1);
        OptionChecks.AtLeast(KlCycles, 1);
        OptionChecks.AtLeast(FreeBits, 0);
        OptionChecks.AtLeast(ImportanceSamples, 1);
        OptionChecks.RowsAtOnce(TransformBatchSize);
        OptionChecks.Defined(Network);
        OptionChecks.Defined(Likelihood);
        if (DynamicBinarization && Likelihood != VaeLikelihood.Bernoulli)
        {
            throw new ArgumentException(
                $"{nameof(DynamicBinarization)} is for {nameof(VaeLikelihood.Bernoulli)}, and {nameof(Likelihood)} is {Likelihood}.",
                nameof(DynamicBinarization));
        }

        if (ImportanceSamples > 1 && (Beta != 1 || KlAnnealing != KlAnnealing.Constant || FreeBits > 0))
            throw new ArgumentException(
                $"{nameof(ImportanceSamples)} is {ImportanceSamples}: with more than 1, {nameof(Beta)} has to be 1, {nameof(KlAnnealing)} "
                + $"{nameof(KlAnnealing.Constant)} and {nameof(FreeBits)} 0.",
                nameof(ImportanceSamples));
        OptionChecks.AllAtLeast(HiddenSizes, 1);
        OptionChecks.AllAtLeast(ConvolutionChannels, 1);
        VaeLayers.Of(Network).Check(this);
    }
}
