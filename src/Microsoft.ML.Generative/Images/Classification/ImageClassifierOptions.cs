using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Classification;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Training;

namespace Microsoft.ML.Generative;

/// <summary>The network that an image classifier is made of.</summary>
public enum ImageClassifierNetworkKind
{
    /// <summary>Blocks of two convolutions with a shortcut around them (He, Zhang, Ren, Sun 2016).</summary>
    Residual,

    /// <summary>The same blocks without shortcuts.</summary>
    Plain,
}

/// <summary>What an image classifier's values are normalized by before each convolution.</summary>
public enum ImageClassifierNormalization
{
    /// <summary>
    /// By the channels of the batch, and after the training by moving averages of them (Ioffe, Szegedy 2015). Learns in the fewest steps;
    /// for batches of 16 and more.
    /// </summary>
    Batch,

    /// <summary>
    /// By groups of four channels of the image itself (Wu, He 2018): the same while learning and after, whatever the batch. Needs several
    /// times the steps.
    /// </summary>
    Group,
}

/// <summary>Options of <see cref="ImageClassifierEstimator"/>.</summary>
/// <example>
/// <code>
/// var classifier = mlContext.Transforms.Generative().ImageClassifier(new ImageClassifierOptions
/// {
///     LabelColumnName = "Label",
///     InputColumnName = "Image",
///     MaxShift = 2,
///     LabelSmoothing = 0.1,
///     FeaturesColumnName = "Features",
/// });
/// </code>
/// </example>
public sealed class ImageClassifierOptions : TrainingOptions, IImageShapeOptions
{
    internal static new class Defaults
    {
        public const string LabelColumnName = "Label";
        public const string InputColumnName = "Image";
        public const string PredictedLabelColumnName = "PredictedLabel";
        public const string ScoreColumnName = "Score";
        public const int Epochs = 5;
        public const int BaseChannels = 16;
        public const int Stages = 3;
        public const int BlocksPerStage = 1;
        public const int TransformBatchSize = 256;
    }

    private const int MostStages = 10;
    private const int MostBlocks = 100;
    private const int WidestStage = 1 << 16;

    /// <summary>Passes over the data, at least 1. Default: 5.</summary>
    public override int Epochs
    {
        get => base.Epochs;
        set => base.Epochs = value;
    }

    /// <summary>The optimizer. Default: <see cref="OptimizerKind.AdamW"/>.</summary>
    public override OptimizerKind Optimizer { get; set; } = OptimizerKind.AdamW;

    /// <summary>The learning rate after the warm-up, above 0. Default: 0.01.</summary>
    public override double LearningRate { get; set; } = 0.01;

    /// <summary>Weight decay, at least 0; of matrices only, not of biases and gains. Default: 0.01.</summary>
    public override double WeightDecay { get; set; } = 0.01;

    /// <summary>How the learning rate changes after the warm-up. Default: <see cref="LearningRateSchedule.Cosine"/>.</summary>
    public override LearningRateSchedule LearningRateSchedule { get; set; } = LearningRateSchedule.Cosine;

    /// <summary>Steps over which the learning rate rises from 0, at least 0. Default: 200, and at most a tenth of the training.</summary>
    public override long? WarmupSteps { get; set; }

    /// <summary>
    /// The column with each row's class: a key, Boolean or a whole number from 0. Only the training reads it. Default: Label.
    /// </summary>
    public string LabelColumnName { get; set; } = Defaults.LabelColumnName;

    /// <summary>Classes in <see cref="LabelColumnName"/>, at least 2. Default: what the column says; needed for integers.</summary>
    public int? LabelCount { get; set; }

    /// <summary>
    /// The column with the images: images of one size, or a known-size vector of Single in 0..1 or Byte with the shape of an image.
    /// Default: Image.
    /// </summary>
    public string InputColumnName { get; set; } = Defaults.InputColumnName;

    /// <summary>The output column with the most probable class, a key. Default: PredictedLabel.</summary>
    public string PredictedLabelColumnName { get; set; } = Defaults.PredictedLabelColumnName;

    /// <summary>The output column with the probability of each class, a vector that sums to 1. Default: Score.</summary>
    public string ScoreColumnName { get; set; } = Defaults.ScoreColumnName;

    /// <summary>
    /// The output column with what the last layer sees, a vector of <see cref="BaseChannels"/> · 2^(<see cref="Stages"/> − 1) values: a
    /// description of the image in which similar ones are near. Default: none, there is no such column.
    /// </summary>
    public string? FeaturesColumnName { get; set; }

    /// <summary>Channels of the images, 1 to 4. Default: what the column's type says; 3 for image columns; else 1.</summary>
    /// <remarks>An image column is read as gray with 1, RGB with 3 and RGBA with 4. Vectors hold one plane a channel.</remarks>
    public int? Channels { get; set; }

    /// <summary>Height of the images in pixels, at least 1. Default: what the column's type or first image says.</summary>
    public int? Height { get; set; }

    /// <summary>Width of the images in pixels, at least 1. Default: what the column's type or first image says.</summary>
    public int? Width { get; set; }

    /// <summary>
    /// A trained or loaded model to continue from: its network and its weights in place of the options of the network, which are left at
    /// their defaults or have to agree with it. It stays as it is. Default: none, the training begins with random weights.
    /// </summary>
    [JsonIgnore]
    public ImageClassifierTransformer? BaseModel { get; set; }

    /// <summary>The kind of network. Default: <see cref="ImageClassifierNetworkKind.Residual"/>.</summary>
    public ImageClassifierNetworkKind Network { get; set; } = ImageClassifierNetworkKind.Residual;

    /// <summary>Channels of the first stage, at least 1; each later stage has twice as many. Default: 16.</summary>
    public int BaseChannels { get; set; } = Defaults.BaseChannels;

    /// <summary>Stages, 1 to 10; each after the first halves height and width. Default: 3.</summary>
    public int Stages { get; set; } = Defaults.Stages;

    /// <summary>Blocks in each stage, of two convolutions each, 1 to 100. Default: 1.</summary>
    public int BlocksPerStage { get; set; } = Defaults.BlocksPerStage;

    /// <summary>What values are normalized by. Default: <see cref="ImageClassifierNormalization.Batch"/>.</summary>
    public ImageClassifierNormalization Normalization { get; set; } = ImageClassifierNormalization.Batch;

    /// <summary>The probability with which the training drops a feature before the last layer, 0 to below 1. Default: 0.</summary>
    public double Dropout { get; set; }

    /// <summary>
    /// The part of each label that the training spreads over all classes, 0 to below 1, such as 0.1: probabilities then are less extreme
    /// (Szegedy et al. 2016, section 7). Default: 0.
    /// </summary>
    public double LabelSmoothing { get; set; }

    /// <summary>
    /// Pixels by which the training moves each image at most, up or down and left or right, at least 0; zeros come in. Default: 0.
    /// </summary>
    public int MaxShift { get; set; }

    /// <summary>Whether the training mirrors half of the images, left for right; not for digits or letters. Default: false.</summary>
    public bool FlipsHorizontally { get; set; }

    /// <summary>Rows that a transform computes at once, 1 to 65,536. The results do not depend on it. Default: 256.</summary>
    public int TransformBatchSize { get; set; } = Defaults.TransformBatchSize;


    internal override int DefaultEpochs => Defaults.Epochs;

    internal override MemberHistory History => ImageClassifierOldFormats.Options;

    internal RowColumns Columns =>
        new(InputColumnName, Channels, Height, Width) { Label = LabelColumnName, LabelCount = LabelCount, AreImages = true };

    internal override long DefaultWarmupSteps(long totalSteps) => Math.Min(200, totalSteps / 10);

    internal override ImageClassifierOptions Copy() => (ImageClassifierOptions)base.Copy();

    internal override IReadOnlyList<string> SizeOptions =>
        [nameof(BaseChannels), nameof(Stages), nameof(BlocksPerStage), nameof(LabelCount)];

    internal override IBaseModel? Base => BaseModel;

    internal override void TakeFromBase()
    {
        if (BaseModel?.Definition.Architecture is not { } network)
            return;
        var own = new BaseOptions<ImageClassifierOptions>(this, new ImageClassifierOptions());
        LabelCount = own.Take(o => o.LabelCount, network.ClassCount);
        own.TakeShape(network.Shape);
        Network = own.Take(o => o.Network, network.Network);
        BaseChannels = own.Take(o => o.BaseChannels, network.BaseChannels);
        Stages = own.Take(o => o.Stages, network.Stages);
        BlocksPerStage = own.Take(o => o.BlocksPerStage, network.BlocksPerStage);
        Normalization = own.Take(o => o.Normalization, network.Normalization);
    }

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.NotEmpty(LabelColumnName);
        Columns.Validate();
        OptionChecks.DifferentNames([PredictedLabelColumnName, ScoreColumnName], FeaturesColumnName);
        OptionChecks.AtLeast(LabelCount, 2);
        OptionChecks.Defined(Network);
        OptionChecks.Defined(Normalization);
        CheckSizes(BaseChannels, Stages, BlocksPerStage);
        OptionChecks.Below(Dropout, 1);
        OptionChecks.Below(LabelSmoothing, 1);
        OptionChecks.AtLeast(MaxShift, 0);
        OptionChecks.RowsAtOnce(TransformBatchSize);
    }

    internal static void CheckSizes(int baseChannels, int stages, int blocksPerStage)
    {
        OptionChecks.AtLeast(baseChannels, 1, nameof(BaseChannels));
        OptionChecks.Between(stages, 1, MostStages, nameof(Stages));
        OptionChecks.Between(blocksPerStage, 1, MostBlocks, nameof(BlocksPerStage));
        if ((long)baseChannels << (stages - 1) > WidestStage)
        {
            throw new ArgumentException(
                $"{nameof(BaseChannels)} is {baseChannels}, and {nameof(Stages)} {stages}: the last stage has more than {WidestStage:N0} "
                + "channels.");
        }
    }
}
