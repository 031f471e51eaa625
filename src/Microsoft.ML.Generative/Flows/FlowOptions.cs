using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Training;

namespace Microsoft.ML.Generative;

/// <summary>Options of <see cref="FlowEstimator"/>.</summary>
/// <example>
/// <code>
/// var flow = mlContext.Transforms.Generative().Flow(new FlowOptions
/// {
///     InputColumnName = "Features",
///     CouplingLayers = 6,
///     Epochs = 100,
///     Progress = new Progress&lt;TrainingProgress&gt;(p => Console.WriteLine($"{p.Step}/{p.TotalSteps} {p.Loss:F2}")),
/// });
/// </code>
/// </example>
public sealed class FlowOptions : ImageTrainingOptions, IImageShapeOptions, ILabelOptions
{
    internal static new class Defaults
    {
        public const string InputColumnName = "Features";
        public const int Epochs = 50;
        public const int ImageStepsOnCpu = 1000;
        public const int CouplingLayers = 8;
        public const int ConvolutionChannels = 64;
        public const double MaxLogScale = 2;
        public const string LatentColumnName = "Latent";
        public const string NegativeLogDensityColumnName = "NegativeLogDensity";
        public const int TransformBatchSize = 256;
    }

    /// <summary>Passes over the data, at least 1. Default: 50; of images on a CPU no more than 1,000 steps.</summary>
    public override int Epochs
    {
        get => base.Epochs;
        set => base.Epochs = value;
    }

    /// <summary>The learning rate after the warm-up, above 0. Default: 0.002.</summary>
    public override double LearningRate { get; set; } = 0.002;

    /// <summary>How the learning rate changes after the warm-up. Default: <see cref="LearningRateSchedule.Cosine"/>.</summary>
    public override LearningRateSchedule LearningRateSchedule { get; set; } = LearningRateSchedule.Cosine;

    /// <summary>The norm above which a gradient is scaled down to it, above 0. Default: 10.</summary>
    public override double? GradientClipNorm { get; set; } = 10;

    /// <summary>Steps over which the learning rate rises from 0, at least 0. Default: 100, and at most a tenth of the training.</summary>
    public override long? WarmupSteps { get; set; }

    /// <summary>
    /// The column to learn: a known-size vector of Single or Byte, Single, or images of one size. Values need no scaling. Default:
    /// Features.
    /// </summary>
    public string InputColumnName { get; set; } = Defaults.InputColumnName;

    /// <summary>
    /// The column with each row's class, a key, Boolean or a whole number from 0, that the density is conditioned on: p(x|class). Default:
    /// none.
    /// </summary>
    public string? LabelColumnName { get; set; }

    /// <summary>
    /// Classes in <see cref="LabelColumnName"/>, at least 1. Default: what the column says; needed for integers.
    /// </summary>
    public int? LabelCount { get; set; }

    /// <summary>The output column with the latent values, a vector of as many values as the input. Default: Latent.</summary>
    public string LatentColumnName { get; set; } = Defaults.LatentColumnName;

    /// <summary>The output column with −log p(x) in nats, high for unusual rows. Default: NegativeLogDensity.</summary>
    public string NegativeLogDensityColumnName { get; set; } = Defaults.NegativeLogDensityColumnName;

    /// <summary>Channels of the images, 1 to 4. Default: those of the column's type; 3 for image columns; else 1.</summary>
    /// <remarks>An image column is read as gray with 1, RGB with 3 and RGBA with 4. Vectors hold one plane per channel.</remarks>
    public int? Channels { get; set; }

    /// <summary>Height of the images in pixels, at least 1. Default: that of the column's type or first image.</summary>
    public int? Height { get; set; }

    /// <summary>Width of the images in pixels, at least 1. Default: that of the column's type or first image.</summary>
    public int? Width { get; set; }

    /// <summary>
    /// Whether the values are levels of bytes, 0..1 in steps of 1/255, which get uniform noise within their level while training: without
    /// it the density of values that repeat exactly has no bound. The density is then the one of the levels, so that it bounds their
    /// probability. Default: whether the column holds bytes or images.
    /// </summary>
    public bool? Dequantize { get; set; }

    /// <summary>
    /// A trained or loaded model to continue from: its network, its weights and its standardization of the values in place of the options
    /// of the network, which are left at their defaults or have to agree with it. It stays as it is. Default: none, the training begins
    /// with random weights.
    /// </summary>
    [JsonIgnore]
    public FlowTransformer? BaseModel { get; set; }

    /// <summary>
    /// Affine coupling layers, at least 1, each of which changes half of the values. Two and two divide the values alike. Default: 8.
    /// </summary>
    public int CouplingLayers { get; set; } = Defaults.CouplingLayers;

    /// <summary>Sizes of the hidden layers of each coupling's network; for vectors. Default: 128, 128.</summary>
    public int[] HiddenSizes { get; set; } = [128, 128];

    /// <summary>Channels of the convolutions of each coupling's network, at least 1; for images. Default: 64.</summary>
    public int ConvolutionChannels { get; set; } = Defaults.ConvolutionChannels;

    /// <summary>
    /// The bound of |s|, above 0: a coupling scales a value by exp(s), of e⁻² to e² by default, where a tanh takes s to its bound.
    /// Default: 2.
    /// </summary>
    public double MaxLogScale { get; set; } = Defaults.MaxLogScale;

    /// <summary>Rows that a transform computes at once, 1 to 65,536. The results do not depend on it. Default: 256.</summary>
    public int TransformBatchSize { get; set; } = Defaults.TransformBatchSize;

    internal RowColumns Columns => new(InputColumnName, Channels, Height, Width) { Label = LabelColumnName, LabelCount = LabelCount };

    internal override long DefaultWarmupSteps(long totalSteps) => Math.Min(100, totalSteps / 10);

    internal override FlowOptions Copy()
    {
        var copy = (FlowOptions)base.Copy();
        copy.HiddenSizes = [.. HiddenSizes ?? []];
        return copy;
    }

    internal override IReadOnlyList<string> SizeOptions =>
        [nameof(CouplingLayers), nameof(HiddenSizes), nameof(ConvolutionChannels), nameof(LabelCount)];

    internal override int DefaultEpochs => Defaults.Epochs;

    /// <summary>Whether the rows are images, whose steps take a hundred times as long. Known when <c>Fit</c> begins.</summary>
    internal bool LearnsImages { get; set; }

    internal override long? StepsOnCpu => LearnsImages ? Defaults.ImageStepsOnCpu : null;

    internal override IBaseModel? Base => BaseModel;

    internal override void TakeFromBase()
    {
        if (BaseModel?.Architecture is not { } network)
            return;
        var own = new BaseOptions<FlowOptions>(this, new FlowOptions());
        own.TakeLabels(network.LabelCount);
        if (network.Row.Image is { } image)
        {
            own.TakeShape(image);
            ConvolutionChannels = own.Take(o => o.ConvolutionChannels, network.ConvolutionChannels);
        }
        else
        {
            HiddenSizes = own.Take(o => o.HiddenSizes, network.HiddenSizes);
        }

        Dequantize = own.Take(o => o.Dequantize, network.IsDequantized);
        CouplingLayers = own.Take(o => o.CouplingLayers, network.CouplingLayers);
        MaxLogScale = own.Take(o => o.MaxLogScale, network.MaxLogScale);
    }

    internal override void Validate()
    {
        base.Validate();
        Columns.Validate();
        OptionChecks.DifferentNames([LatentColumnName, NegativeLogDensityColumnName]);
        OptionChecks.AtLeast(CouplingLayers, 1);
        OptionChecks.AllAtLeast(HiddenSizes, 1);
        OptionChecks.AtLeast(ConvolutionChannels, 1);
        OptionChecks.Positive(MaxLogScale);
        OptionChecks.RowsAtOnce(TransformBatchSize);
    }
}
