using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.VqVae;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Training;

namespace Microsoft.ML.Generative;

/// <summary>Options of <see cref="VqVaeEstimator"/>.</summary>
/// <remarks>
/// Two networks are trained one after the other: first the autoencoder, for <see cref="TrainingOptions.Epochs"/>, then the prior over
/// its codes, for <see cref="PriorEpochs"/>. Both report through <see cref="TrainingOptions.Progress"/>, each with steps from 1:
/// <list type="bullet">
/// <item><description>
/// The autoencoder's loss is <c>reconstruction</c>, the mean squared error as a part of the data's variance (1 says that nothing is
/// described, above 1 is worse than the mean image; it falls to 0.1 and below), plus <see cref="CommitmentCost"/> times <c>commitment</c>,
/// the mean squared distance between encoder outputs and their codes (rising over many epochs: the encoder runs away from the codebook;
/// raise
/// <see cref="CommitmentCost"/> or lower the learning rate). <c>perplexity</c> is the number of codes that a batch uses in effect,
/// from 1 to <see cref="CodebookSize"/>: a few only, where reconstructions are poor, say that the codebook has collapsed.
/// </description></item>
/// <item><description>
/// The prior's loss is −log p(codes) in nats per image; with random codes it would be the number of codes times the
/// logarithm of <see cref="CodebookSize"/>. Where it falls on the training data and rises on the validation data, lower
/// <see cref="PriorEpochs"/>.
/// </description></item>
/// </list>
/// </remarks>
/// <example>
/// <code>
/// var vqVae = mlContext.Transforms.Generative().VqVae(new VqVaeOptions
/// {
///     InputColumnName = "Image",
///     CodebookSize = 256,
///     Epochs = 20,
///     PriorEpochs = 40,
/// });
/// </code>
/// </example>
public sealed class VqVaeOptions : ImageTrainingOptions, IImageShapeOptions
{
    internal static new class Defaults
    {
        public const string InputColumnName = "Image";
        public const int Epochs = 10;
        public const int StepsOnCpu = 1000;
        public const string CodesColumnName = "Codes";
        public const string ReconstructionColumnName = "Reconstruction";
        public const string ReconstructionErrorColumnName = "ReconstructionError";
        public const string NegativeLogPriorColumnName = "NegativeLogPrior";
        public const int CodebookSize = 128;
        public const int CodeSize = 16;
        public const int Downsamplings = 2;
        public const int HiddenChannels = 64;
        public const int ResidualBlocks = 2;
        public const int ResidualChannels = 32;
        public const double CommitmentCost = 0.25;
        public const double CodebookDecay = 0.99;
        public const double DeadCodeThreshold = 0.02;
        public const int PriorEpochs = 20;
        public const int PriorStepsOnCpu = 1_500;
        public const double PriorLearningRate = 2e-3;
        public const int PriorLayers = 4;
        public const int PriorWidth = 64;
        public const int PriorHeads = 4;
        public const int TransformBatchSize = 256;
    }

    private int? _priorEpochs;
    private long? _priorStepLimit;

    /// <summary>Passes over the data, at least 1. Default: 10; on a CPU no more than 1,000 steps.</summary>
    public override int Epochs
    {
        get => base.Epochs;
        set => base.Epochs = value;
    }

    /// <summary>The learning rate after the warm-up, above 0. Default: 0.002.</summary>
    public override double LearningRate { get; set; } = 0.002;

    /// <summary>Decay of Adam's second moment, 0 to 1. Default: 0.99.</summary>
    public override double Beta2 { get; set; } = 0.99;

    /// <summary>How the learning rate changes after the warm-up. Default: <see cref="LearningRateSchedule.Cosine"/>.</summary>
    public override LearningRateSchedule LearningRateSchedule { get; set; } = LearningRateSchedule.Cosine;

    /// <summary>Steps over which the learning rate rises from 0, at least 0. Default: 200, and at most a tenth of the training.</summary>
    public override long? WarmupSteps { get; set; }

    /// <summary>
    /// The column to learn: images of one size, or a known-size vector of Single or Byte with a shape, values in 0..1 (bytes are
    /// scaled to it). Default: Image.
    /// </summary>
    public string InputColumnName { get; set; } = Defaults.InputColumnName;

    /// <summary>The output column with the codes, a vector of Int32 from 0, row by row. Default: Codes.</summary>
    public string CodesColumnName { get; set; } = Defaults.CodesColumnName;

    /// <summary>
    /// The output column with the image decoded from the codes, of the input's size, values in 0..1. Default: Reconstruction.
    /// </summary>
    public string ReconstructionColumnName { get; set; } = Defaults.ReconstructionColumnName;

    /// <summary>
    /// A further output column of the trained model with the reconstruction as an image of ML.NET, gray, RGB or RGBA; for models of images.
    /// Default: none.
    /// </summary>
    public string? ReconstructionImageColumnName { get; set; }

    /// <summary>
    /// The output column with the mean squared difference between an image's values and their reconstruction. Default: ReconstructionError.
    /// </summary>
    public string ReconstructionErrorColumnName { get; set; } = Defaults.ReconstructionErrorColumnName;

    /// <summary>
    /// The output column with −log p(codes) under the prior, in nats: high for images with unusual codes. Default: NegativeLogPrior.
    /// </summary>
    public string NegativeLogPriorColumnName { get; set; } = Defaults.NegativeLogPriorColumnName;

    /// <summary>Channels of the images, 1 to 4. Default: what the column's type says; 3 for image columns; else 1.</summary>
    /// <remarks>An image column is read as gray with 1, RGB with 3 and RGBA with 4. Vectors hold one plane a channel.</remarks>
    public int? Channels { get; set; }

    /// <summary>Height of the images in pixels, at least 1. Default: what the column's type or first image says.</summary>
    public int? Height { get; set; }

    /// <summary>Width of the images in pixels, at least 1. Default: what the column's type or first image says.</summary>
    public int? Width { get; set; }

    /// <summary>
    /// A trained or loaded model to continue from: its network and its weights in place of the options of the network, which are left at
    /// their defaults or have to agree with it. Autoencoder, codebook and prior are trained
    /// further; with <c>autoencoder.*</c> in <see cref="TrainingOptions.FrozenParameters"/> only the prior, on the codebook as it is. It
    /// stays as it is. Default: none, the training begins with random weights.
    /// </summary>
    [JsonIgnore]
    public VqVaeTransformer? BaseModel { get; set; }

    /// <summary>How many codes there are to choose from, 2 to 32768. Default: 128.</summary>
    public int CodebookSize { get; set; } = Defaults.CodebookSize;

    /// <summary>Dimensions of a code's vector, at least 1. Default: 16.</summary>
    public int CodeSize { get; set; } = Defaults.CodeSize;

    /// <summary>
    /// How often the encoder halves height and width, 1 to 8: a code stands for 2, 4, 8… pixels in each direction. Default: 2, 28×28
    /// pixels become 7×7 codes.
    /// </summary>
    public int Downsamplings { get; set; } = Defaults.Downsamplings;

    /// <summary>Channels where the codes are, at least 1; half as many on each finer level. Default: 64. The paper has 256.</summary>
    public int HiddenChannels { get; set; } = Defaults.HiddenChannels;

    /// <summary>Residual blocks in the encoder, and as many in the decoder, at least 0. Default: 2.</summary>
    public int ResidualBlocks { get; set; } = Defaults.ResidualBlocks;

    /// <summary>Channels inside of a residual block, at least 1. Default: 32.</summary>
    public int ResidualChannels { get; set; } = Defaults.ResidualChannels;

    /// <summary>β: how strongly the encoder is held to its codes, at least 0. Default: 0.25, as in the paper.</summary>
    public double CommitmentCost { get; set; } = Defaults.CommitmentCost;

    /// <summary>
    /// γ: the part of the codebook's moving averages that remains in each batch, 0 to 1. With
    /// <see cref="TrainingOptions.GradientAccumulationSteps"/>
    /// each batch of a step counts. Default: 0.99, as in the paper.
    /// </summary>
    /// <remarks>
    /// The codebook is no weight: <see cref="TrainingOptions.EmaDecay"/> and <see cref="TrainingOptions.WeightDecay"/> leave it alone. With
    /// <see cref="TrainingOptions.EmaDecay"/> the averaged encoder and decoder work with the codebook as it is, an average already.
    /// </remarks>
    public double CodebookDecay { get; set; } = Defaults.CodebookDecay;

    /// <summary>
    /// A code that is used less than this part of the average code is replaced by an encoder output of the batch, 0 (never) to 1.
    /// Default: 0.02.
    /// </summary>
    public double DeadCodeThreshold { get; set; } = Defaults.DeadCodeThreshold;

    /// <summary>The prior's passes over the data, at least 1. Default: 20; on a CPU no more than 1,500 steps.</summary>
    public int PriorEpochs
    {
        get => _priorEpochs ?? Defaults.PriorEpochs;
        set => _priorEpochs = value;
    }

    /// <summary>The prior's optimizer steps, at least 1, instead of <see cref="PriorEpochs"/>. Default: none.</summary>
    public long? PriorMaxSteps { get; set; }

    /// <summary>The prior's learning rate after the warm-up, above 0; all else is as for the autoencoder. Default: 0.002.</summary>
    public double PriorLearningRate { get; set; } = Defaults.PriorLearningRate;

    /// <summary>Transformer layers of the prior, at least 1. Default: 4.</summary>
    public int PriorLayers { get; set; } = Defaults.PriorLayers;

    /// <summary>Width of the prior's layers, a multiple of <see cref="PriorHeads"/>. Default: 64.</summary>
    public int PriorEmbeddingSize { get; set; } = Defaults.PriorWidth;

    /// <summary>Attention heads of the prior's layers, at least 1. Default: 4.</summary>
    public int PriorHeads { get; set; } = Defaults.PriorHeads;

    /// <summary>
    /// Rows that a transform computes at once, 1 to 65,536. The results do not depend on it, up to rounding. Default: 256.
    /// </summary>
    public int TransformBatchSize { get; set; } = Defaults.TransformBatchSize;

    /// <inheritdoc cref="TrainingOptions.StepLimit"/>
    [JsonInclude]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    internal long? PriorStepLimit
    {
        get => _priorStepLimit ?? (_priorEpochs is null && PriorMaxSteps is null && !IsOnGpu ? Defaults.PriorStepsOnCpu : null);
        set => _priorStepLimit = value;
    }

    internal override IReadOnlyList<string> DescribeLength(long steps) =>
    [
        .. base.DescribeLength(steps),
        DescribeLength(nameof(PriorEpochs), PriorEpochs, nameof(PriorMaxSteps), PriorMaxSteps ?? PriorStepLimit),
    ];

    internal override int DefaultEpochs => Defaults.Epochs;

    internal override long? StepsOnCpu => Defaults.StepsOnCpu;

    internal override MemberHistory History => VqVaeOldFormats.Options;

    internal RowColumns Columns => new(InputColumnName, Channels, Height, Width) { AreImages = true };

    internal override long DefaultWarmupSteps(long totalSteps) => Math.Min(200, totalSteps / 10);

    internal override VqVaeOptions Copy() => (VqVaeOptions)base.Copy();

    /// <summary>The same training for the prior.</summary>
    internal VqVaeOptions ForPrior()
    {
        VqVaeOptions copy = Copy();
        (copy.Epochs, copy.MaxSteps, copy.LearningRate) = (PriorEpochs, PriorMaxSteps, PriorLearningRate);
        copy.StepLimit = PriorStepLimit;
        return copy;
    }

    internal override IReadOnlyList<string> SizeOptions =>
    [
        nameof(HiddenChannels), nameof(ResidualBlocks), nameof(ResidualChannels), nameof(CodebookSize), nameof(CodeSize),
        nameof(PriorLayers),
        nameof(PriorEmbeddingSize),
    ];

    internal override IBaseModel? Base => BaseModel;

    internal override void TakeFromBase()
    {
        if (BaseModel?.Definition.Architecture is not { } network)
            return;
        var own = new BaseOptions<VqVaeOptions>(this, new VqVaeOptions());
        own.TakeShape(network.Shape);
        CodebookSize = own.Take(o => o.CodebookSize, network.CodebookSize);
        CodeSize = own.Take(o => o.CodeSize, network.CodeSize);
        Downsamplings = own.Take(o => o.Downsamplings, network.Downsamplings);
        HiddenChannels = own.Take(o => o.HiddenChannels, network.HiddenChannels);
        ResidualBlocks = own.Take(o => o.ResidualBlocks, network.ResidualBlocks);
        ResidualChannels = own.Take(o => o.ResidualChannels, network.ResidualChannels);
        PriorLayers = own.Take(o => o.PriorLayers, network.PriorLayers);
        PriorEmbeddingSize = own.Take(o => o.PriorEmbeddingSize, network.PriorEmbeddingSize);
        PriorHeads = own.Take(o => o.PriorHeads, network.PriorHeads);
    }

    internal override void Validate()
    {
        base.Validate();
        Columns.Validate();
        OptionChecks.DifferentNames(
            [CodesColumnName, ReconstructionColumnName, ReconstructionErrorColumnName, NegativeLogPriorColumnName],
            ReconstructionImageColumnName);

        OptionChecks.Between(CodebookSize, 2, 1 << 15);
        OptionChecks.AtLeast(CodeSize, 1);
        OptionChecks.Between(Downsamplings, 1, 8);
        OptionChecks.AtLeast(HiddenChannels, 1);
        OptionChecks.AtLeast(ResidualBlocks, 0);
        OptionChecks.AtLeast(ResidualChannels, 1);
        OptionChecks.AtLeast(CommitmentCost, 0);
        OptionChecks.Below(CodebookDecay, 1);
        OptionChecks.Between(DeadCodeThreshold, 0, 1);
        OptionChecks.AtLeast(PriorEpochs, 1);
        OptionChecks.AtLeast(PriorMaxSteps, 1);
        OptionChecks.Positive(PriorLearningRate);
        OptionChecks.AtLeast(PriorLayers, 1);
        OptionChecks.AtLeast(PriorHeads, 1);
        OptionChecks.AtLeast(PriorEmbeddingSize, 1);
        if (PriorEmbeddingSize % PriorHeads != 0)
        {
            throw new ArgumentException(
                $"{nameof(PriorEmbeddingSize)} is {PriorEmbeddingSize}; expected a multiple of {nameof(PriorHeads)}, {PriorHeads}.");
        }

        OptionChecks.RowsAtOnce(TransformBatchSize);
    }
}
