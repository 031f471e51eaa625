using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.EncoderDecoders;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.Generative;

/// <summary>Options of <see cref="SequenceToSequenceEstimator"/>.</summary>
/// <remarks>
/// The loss is −log p(token) in nats, averaged over the tokens of the targets and the token that ends each; a model that knows nothing
/// begins at the logarithm of its vocabulary. The rows of speeds and reports are tokens of targets.
/// </remarks>
/// <example>
/// <code>
/// var dates = mlContext.Transforms.Generative().SequenceToSequence(new SequenceToSequenceOptions
/// {
///     OutputColumnName = "Iso",
///     InputColumnName = "Words",
///     TargetColumnName = "Date",
///     Layers = 2,
///     EmbeddingSize = 64,
///     MaxSteps = 1_000,
///     Progress = new Progress&lt;TrainingProgress&gt;(p => Console.WriteLine($"{p.Step}/{p.TotalSteps} {p.Loss:F3}")),
/// });
/// </code>
/// </example>
public sealed class SequenceToSequenceOptions : TrainingOptions
{
    internal static new class Defaults
    {
        public const string InputColumnName = "Text";
        public const string TargetColumnName = "Target";
        public const string OutputColumnName = "Output";
        public const int Epochs = 10;
        public const int StepsOnCpu = 2000;
        public const int BatchSize = 16;
        public const int MaxTokens = 512;
        public const int TransformBatchSize = 32;

        public static SequenceToSequenceArchitecture ArchitectureOnCpu => SequenceToSequenceArchitecture.T5Nano;

        public static SequenceToSequenceArchitecture ArchitectureOnGpu { get; } =
            SequenceToSequenceArchitecture.FlanT5Small with { VocabularySize = 0 };
    }

    private SequenceToSequenceArchitecture? _architecture;
    private int? _layers;
    private int? _heads;
    private int? _embeddingSize;

    /// <summary>Passes over the data, at least 1. Default: 10; on a CPU no more than 2,000 steps.</summary>
    public override int Epochs
    {
        get => base.Epochs;
        set => base.Epochs = value;
    }

    /// <summary>Rows that go through the network at once, at least 1. Default: 16.</summary>
    public override int BatchSize { get; set; } = Defaults.BatchSize;

    /// <summary>The optimizer. Default: <see cref="OptimizerKind.AdamW"/>.</summary>
    public override OptimizerKind Optimizer { get; set; } = OptimizerKind.AdamW;

    /// <summary>How the learning rate changes after the warm-up. Default: <see cref="LearningRateSchedule.Cosine"/>.</summary>
    public override LearningRateSchedule LearningRateSchedule { get; set; } = LearningRateSchedule.Cosine;

    /// <summary>
    /// The learning rate at the end of a schedule, as a part of <see cref="TrainingOptions.LearningRate"/>, 0 to 1. Default: 0.1.
    /// </summary>
    public override double FinalLearningRate { get; set; } = 0.1;

    /// <summary>The norm above which a gradient is scaled down to it, above 0. Default: 1.</summary>
    public override double? GradientClipNorm { get; set; } = 1;

    /// <summary>
    /// What the training multiplies in; the trained model computes in Float32 in any case. Default: <see cref="ComputePrecision.Auto"/>.
    /// </summary>
    public override ComputePrecision Precision { get; set; } = ComputePrecision.Auto;

    /// <summary>Steps over which the learning rate rises from 0, at least 0. Default: 100, and at most a tenth of the training.</summary>
    public override long? WarmupSteps { get; set; }

    /// <summary>
    /// The text column with the sources, which the trained model reads; with <see cref="SpanCorruption"/> the texts. Default: Text.
    /// </summary>
    public string InputColumnName { get; set; } = Defaults.InputColumnName;

    /// <summary>The text column with the target of each source, read by the training. Default: Target.</summary>
    public string TargetColumnName { get; set; } = Defaults.TargetColumnName;

    /// <summary>The output column with the text that the model writes. Default: Output.</summary>
    public string OutputColumnName { get; set; } = Defaults.OutputColumnName;

    /// <summary>
    /// What is put before each source, in the training and by the trained model: names the task of a model that knows several, such as
    /// "summarize: ". Default: "", nothing.
    /// </summary>
    public string Prefix { get; set; } = "";

    /// <summary>
    /// Pre-trains on the texts of <see cref="InputColumnName"/> alone: the model learns to fill in spans of tokens that are left out. No
    /// target column is read. Default: none, the model learns targets.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public SpanCorruptionOptions? SpanCorruption { get; set; }

    /// <summary>
    /// The network. Default: <see cref="SequenceToSequenceArchitecture.T5Nano"/>, on a GPU the shape of
    /// <see cref="SequenceToSequenceArchitecture.FlanT5Small"/>; with the values of the three options below where they are set.
    /// </summary>
    public SequenceToSequenceArchitecture Architecture
    {
        get
        {
            SequenceToSequenceArchitecture start = _architecture ?? (IsOnGpu ? Defaults.ArchitectureOnGpu : Defaults.ArchitectureOnCpu);
            return start with
            {
                Layers = _layers ?? start.Layers,
                Heads = _heads ?? start.Heads,
                EmbeddingSize = _embeddingSize ?? start.EmbeddingSize,
            };
        }

        set
        {
            ArgumentNullException.ThrowIfNull(value);
            _architecture = value;
            _layers = _heads = _embeddingSize = null;
        }
    }

    /// <summary>
    /// Blocks of the encoder, and of the decoder, of <see cref="Architecture"/>, at least 1. Default: 3 on a CPU, 8 on a GPU.
    /// </summary>
    [JsonIgnore]
    public int Layers
    {
        get => Architecture.Layers;
        set => _layers = value;
    }

    /// <summary>Attention heads in a block of <see cref="Architecture"/>, at least 1. Default: 4 on a CPU, 6 on a GPU.</summary>
    [JsonIgnore]
    public int Heads
    {
        get => Architecture.Heads;
        set => _heads = value;
    }

    /// <summary>Values that a token is described by in <see cref="Architecture"/>. Default: 128 on a CPU, 512 on a GPU.</summary>
    [JsonIgnore]
    public int EmbeddingSize
    {
        get => Architecture.EmbeddingSize;
        set => _embeddingSize = value;
    }

    /// <summary>What turns text into tokens. Default: made from the data, as <see cref="VocabularySize"/> says.</summary>
    [JsonIgnore]
    public Tokenizer? Tokenizer { get; set; }

    /// <summary>
    /// Tokens of the byte-pair encoding that is made from the data where there is no <see cref="Tokenizer"/>, at least 257. Default:
    /// none, each character is a token.
    /// </summary>
    public int? VocabularySize { get; set; }

    /// <summary>
    /// A trained or loaded model to continue from: its network, its weights and its tokenizer in place of <see cref="Architecture"/>, whose
    /// parts are left as they are or have to agree with it, <see cref="Tokenizer"/> and <see cref="VocabularySize"/>. It stays as it is.
    /// Default: none, the training begins with random weights.
    /// </summary>
    [JsonIgnore]
    public SequenceToSequenceTransformer? BaseModel { get; set; }

    /// <summary>
    /// The most tokens of a source with the token that ends it, at least 8. Longer ones are left out of the training with a warning; the
    /// trained model refuses them. With <see cref="SpanCorruption"/>, texts are cut into sources of this length. Default: 512.
    /// </summary>
    public int MaxSourceTokens { get; set; } = Defaults.MaxTokens;

    /// <summary>
    /// The most tokens of a target with the token that ends it, at least 1; longer ones are left out of the training with a warning. What
    /// the trained model writes is limited by <see cref="TextGenerationOptions.MaxTokens"/>. Default: 512.
    /// </summary>
    public int MaxTargetTokens { get; set; } = Defaults.MaxTokens;

    /// <summary>
    /// The part of the values that is dropped at random while training, 0 to below 1 (Srivastava et al. 2014). Default: 0.
    /// </summary>
    public double Dropout { get; set; }

    /// <summary>
    /// How the trained model chooses tokens where no other options are given. Default: always the most probable one,
    /// <see cref="TextGenerationOptions.Temperature"/> 0.
    /// </summary>
    public TextGenerationOptions Generation { get; set; } = new() { Temperature = 0 };

    /// <summary>Rows that a transform computes at once, 1 to 65,536. The results do not depend on it. Default: 32.</summary>
    public int TransformBatchSize { get; set; } = Defaults.TransformBatchSize;

    internal override int DefaultEpochs => Defaults.Epochs;

    internal override long? StepsOnCpu => Defaults.StepsOnCpu;

    internal override long DefaultWarmupSteps(long totalSteps) => Math.Min(100, totalSteps / 10);

    internal override IReadOnlyList<string> SizeOptions => [nameof(Layers), nameof(EmbeddingSize), nameof(VocabularySize)];

    internal override IBaseModel? Base => BaseModel;

    internal override SequenceToSequenceOptions Copy()
    {
        var copy = (SequenceToSequenceOptions)base.Copy();
        copy.Generation = Generation?.Copy()!;
        copy.SpanCorruption = SpanCorruption?.Copy();
        return copy;
    }

    internal override void TakeFromBase()
    {
        // A checkpoint keeps the options as they were given; the network is the base model's in any case.
        if (BaseModel is null)
            return;
        SequenceToSequenceArchitecture defaults =
            Architecture == Defaults.ArchitectureOnGpu ? Defaults.ArchitectureOnGpu : Defaults.ArchitectureOnCpu;
        BaseOptions.CheckProperties(Architecture, defaults, BaseModel.Architecture);
    }

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.NotEmpty(InputColumnName);
        OptionChecks.NotEmpty(TargetColumnName);
        OptionChecks.NotEmpty(OutputColumnName);
        ArgumentNullException.ThrowIfNull(Prefix);
        SpanCorruption?.Validate();
        Architecture.Validate();
        ArgumentNullException.ThrowIfNull(Generation);
        Generation.Validate(Architecture.VocabularySize == 0 ? int.MaxValue : Architecture.VocabularySize);
        SequenceToSequenceGenerator.Check(Generation);
        OptionChecks.AtLeast(VocabularySize, 257);
        OptionChecks.AtLeast(MaxSourceTokens, 8);
        OptionChecks.AtLeast(MaxTargetTokens, 1);
        OptionChecks.Below(Dropout, 1);
        OptionChecks.RowsAtOnce(TransformBatchSize);
        if (TargetColumnName == InputColumnName && SpanCorruption is null)
        {
            throw new ArgumentException(
                $"{nameof(TargetColumnName)} and {nameof(InputColumnName)} are both '{InputColumnName}'; expected two columns, or "
                + $"{nameof(SpanCorruption)}, which learns from texts alone.", nameof(TargetColumnName));
        }
    }

    internal override void ValidateForTraining()
    {
        base.ValidateForTraining();
        if (Tokenizer is not null && VocabularySize is not null)
        {
            throw new ArgumentException(
                $"{nameof(VocabularySize)} is {VocabularySize}, but the {nameof(Tokenizer)} has a vocabulary already.",
                nameof(VocabularySize));
        }

        if (BaseModel is not null && (Tokenizer is not null || VocabularySize is not null))
        {
            throw new ArgumentException(
                $"{nameof(BaseModel)} brings its own tokenizer: set neither {nameof(Tokenizer)} nor {nameof(VocabularySize)}.",
                nameof(BaseModel));
        }
    }
}
