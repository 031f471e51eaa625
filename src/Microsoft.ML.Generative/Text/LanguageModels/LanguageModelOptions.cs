using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Chat;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.Generative;

/// <summary>Options of <see cref="LanguageModelEstimator"/>.</summary>
/// <remarks>
/// The loss is −log p(token) in nats, averaged over the tokens learned; a model that knows nothing begins at the logarithm of its
/// vocabulary. Where it falls on the training data and rises on the validation data, the model memorizes its text: use more text,
/// <see cref="Dropout"/>, a smaller model or
/// <see cref="TrainingOptions.EarlyStoppingPatience"/>. The rows of speeds and reports are tokens.
/// </remarks>
/// <example>
/// <code>
/// var languageModel = mlContext.Transforms.Generative().LanguageModel(new LanguageModelOptions
/// {
///     InputColumnName = "Text",
///     Layers = 4,
///     Heads = 4,
///     EmbeddingSize = 128,
///     ContextLength = 64,
///     MaxSteps = 2_000,
///     Progress = new Progress&lt;TrainingProgress&gt;(p => Console.WriteLine($"{p.Step}/{p.TotalSteps} {p.Loss:F3}")),
/// });
/// </code>
/// </example>
public sealed class LanguageModelOptions : TrainingOptions
{
    internal static new class Defaults
    {
        public const string InputColumnName = "Text";
        public const string OutputColumnName = "Completion";
        public const int Epochs = 10;
        public const int StepsOnCpu = 2000;
        public const int BatchSize = 16;
        public const int TransformBatchSize = 32;

        public static LanguageModelArchitecture ArchitectureOnCpu { get; } =
            LanguageModelArchitecture.GptNano with { Layers = 4, Heads = 4, EmbeddingSize = 128, ContextLength = 128 };

        public static LanguageModelArchitecture ArchitectureOnGpu => LanguageModelArchitecture.GptNano;
    }

    private LanguageModelArchitecture? _architecture;
    private int? _layers;
    private int? _heads;
    private int? _embeddingSize;
    private int? _contextLength;

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

    /// <summary>Decay of Adam's second moment, 0 to 1. Default: 0.99.</summary>
    public override double Beta2 { get; set; } = 0.99;

    /// <summary>The learning rate after the warm-up, above 0. Default: 0.001, or 0.01 where an adapter is trained.</summary>
    public override double LearningRate
    {
        get => base.LearningRate;
        set => base.LearningRate = value;
    }

    /// <summary>
    /// Weight decay, at least 0; of matrices only, not of biases and gains. Default: 0.1, or 0 where an adapter is trained.
    /// </summary>
    public override double WeightDecay
    {
        get => base.WeightDecay;
        set => base.WeightDecay = value;
    }

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
    /// The text column to learn, a document a row; the prompts where the model transforms rows. With <see cref="PromptColumnName"/>: the
    /// answers. Default: Text.
    /// </summary>
    public string InputColumnName { get; set; } = Defaults.InputColumnName;

    /// <summary>
    /// The text column of the prompts that <see cref="InputColumnName"/> answers, for supervised fine-tuning: each row is an example of
    /// its own, and only its answer and the end of the text are learned. Default: none, all text is learned.
    /// </summary>
    public string? PromptColumnName { get; set; }

    /// <summary>
    /// The text column of conversations, for supervised fine-tuning, in place of <see cref="InputColumnName"/>: JSON as data sets have it,
    /// <c>[{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]</c> or an object with such <c>messages</c>. Each row
    /// is an example of its own, of which the assistant's messages and their ends are learned. Where the model transforms rows, it
    /// answers conversations. Default: none.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? MessagesColumnName { get; set; }

    /// <summary>
    /// How conversations of <see cref="MessagesColumnName"/> are written for the model, and later those of its chat client. Default: as
    /// <see cref="BaseModel"/> or the tokenizer's folder says, else <see cref="ChatTemplate.Plain"/>.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    [JsonConverter(typeof(ChatTemplateConverter))]
    public ChatTemplate? ChatTemplate { get; set; }

    /// <summary>The output column with the text that the model adds to a prompt. Default: Completion.</summary>
    public string OutputColumnName { get; set; } = Defaults.OutputColumnName;

    /// <summary>
    /// The network. Default: <see cref="LanguageModelArchitecture.GptNano"/>, on a CPU with the values of the four options below.
    /// </summary>
    public LanguageModelArchitecture Architecture
    {
        get
        {
            LanguageModelArchitecture start = _architecture ?? (IsOnGpu ? Defaults.ArchitectureOnGpu : Defaults.ArchitectureOnCpu);
            return start with
            {
                Layers = _layers ?? start.Layers,
                Heads = _heads ?? start.Heads,
                EmbeddingSize = _embeddingSize ?? start.EmbeddingSize,
                ContextLength = _contextLength ?? start.ContextLength,
            };
        }

        set
        {
            ArgumentNullException.ThrowIfNull(value);
            _architecture = value;
            _layers = _heads = _embeddingSize = _contextLength = null;
        }
    }

    /// <summary>Transformer blocks of <see cref="Architecture"/>, at least 1. Default: 4 on a CPU, 6 on a GPU.</summary>
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

    /// <summary>Values that a token is described by in <see cref="Architecture"/>. Default: 128 on a CPU, 384 on a GPU.</summary>
    [JsonIgnore]
    public int EmbeddingSize
    {
        get => Architecture.EmbeddingSize;
        set => _embeddingSize = value;
    }

    /// <summary>
    /// Tokens that the model of <see cref="Architecture"/> sees at once, at least 1. Default: 128 on a CPU, 256 on a GPU.
    /// </summary>
    [JsonIgnore]
    public int ContextLength
    {
        get => Architecture.ContextLength;
        set => _contextLength = value;
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
    public LanguageModelTransformer? BaseModel { get; set; }

    /// <summary>
    /// Trains low-rank adapters on top of <see cref="BaseModel"/> in place of its weights, which stay as they are and are shared in memory.
    /// The model has the adapter beside the base. <see cref="TrainingOptions.LearningRate"/> is then 0.01 where it is not set, ten times
    /// that of other trainings, and <see cref="TrainingOptions.WeightDecay"/> 0. Default: none, all weights are trained; of a base model
    /// that uses an adapter, the adapter.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public LoraOptions? Adapter { get; set; }

    /// <summary>
    /// The part of the values that is dropped at random while training, 0 to below 1 (Srivastava et al. 2014). Default: 0.
    /// </summary>
    public double Dropout { get; set; }

    /// <summary>
    /// The part at the end of the text, or of the examples, that is not learned but scored at the end of each epoch, 0 to below 1;
    /// instead of
    /// <see cref="TrainingOptions.ValidationData"/>. Default: 0.
    /// </summary>
    public double ValidationFraction { get; set; }

    /// <summary>
    /// Whether the training computes each block a second time instead of keeping what happened inside of it: a third more time for a
    /// fraction of the memory. Default: false.
    /// </summary>
    public bool GradientCheckpointing { get; set; }

    /// <summary>
    /// How the trained model chooses tokens where no other options are given: where it transforms rows, and by default where it writes.
    /// </summary>
    public TextGenerationOptions Generation { get; set; } = new();

    /// <summary>
    /// A prompt, or with <see cref="MessagesColumnName"/> a user's message, that the training continues at the end of each epoch, in a
    /// message to <see cref="MLContext.Log"/>, to see what the model has learned. It does not change the model. Default: none.
    /// </summary>
    [JsonIgnore]
    public string? SamplePrompt { get; set; }

    /// <summary>Rows that a transform completes at once, 1 to 65,536. The results do not depend on it. Default: 32.</summary>
    public int TransformBatchSize { get; set; } = Defaults.TransformBatchSize;

    internal override double DefaultLearningRate => TrainsAdapter ? 10 * base.DefaultLearningRate : base.DefaultLearningRate;

    internal override double DefaultWeightDecay => TrainsAdapter ? 0 : 0.1;

    internal bool TrainsAdapter => Adapter is not null || BaseModel?.ActiveAdapter is not null;

    internal override int DefaultEpochs => Defaults.Epochs;

    internal override long? StepsOnCpu => Defaults.StepsOnCpu;

    internal override MemberHistory History => LanguageModelOldFormats.Options;

    internal override long DefaultWarmupSteps(long totalSteps) => Math.Min(100, totalSteps / 10);

    internal override bool HasValidation => base.HasValidation || ValidationFraction > 0;

    internal override LanguageModelOptions Copy()
    {
        var copy = (LanguageModelOptions)base.Copy();
        copy.Generation = Generation?.Copy()!;
        copy.Adapter = Adapter?.Copy();
        return copy;
    }

    internal override IReadOnlyList<string> MemoryOptions => GradientCheckpointing ? [] : [nameof(GradientCheckpointing)];

    internal override IReadOnlyList<string> SizeOptions =>
        [nameof(Layers), nameof(EmbeddingSize), nameof(ContextLength), nameof(VocabularySize)];

    internal override IBaseModel? Base => BaseModel;

    internal override void TakeFromBase()
    {
        // A checkpoint keeps the options as they were given; the network is the base model's in any case.
        if (BaseModel is null)
            return;
        LanguageModelArchitecture defaults =
            Architecture == Defaults.ArchitectureOnGpu ? Defaults.ArchitectureOnGpu : Defaults.ArchitectureOnCpu;
        BaseOptions.CheckProperties(Architecture, defaults, BaseModel.Architecture);
    }

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.NotEmpty(InputColumnName);
        OptionChecks.NotEmpty(OutputColumnName);
        OptionChecks.NullOrNotEmpty(PromptColumnName);
        OptionChecks.NullOrNotEmpty(MessagesColumnName);
        if (MessagesColumnName is not null && PromptColumnName is not null)
        {
            throw new ArgumentException(
                $"{nameof(MessagesColumnName)} is '{MessagesColumnName}', and {nameof(PromptColumnName)} '{PromptColumnName}'; expected "
                + "one of them.", nameof(MessagesColumnName));
        }

        Architecture.Validate();
        ArgumentNullException.ThrowIfNull(Generation);
        Generation.Validate(Architecture.VocabularySize == 0 ? int.MaxValue : Architecture.VocabularySize);
        OptionChecks.AtLeast(VocabularySize, 257);
        Adapter?.Validate();
        OptionChecks.Below(Dropout, 1);
        OptionChecks.Below(ValidationFraction, 1);
        OptionChecks.RowsAtOnce(TransformBatchSize);
        if (PromptColumnName == InputColumnName)
        {
            throw new ArgumentException(
                $"{nameof(PromptColumnName)} and {nameof(InputColumnName)} are both '{InputColumnName}'; expected two columns, or no "
                + $"{nameof(PromptColumnName)}.", nameof(PromptColumnName));
        }
    }

    internal override void ValidateForTraining()
    {
        base.ValidateForTraining();
        if (ValidationFraction > 0 && ValidationData is not null)
        {
            throw new ArgumentException(
                $"{nameof(ValidationFraction)} is {ValidationFraction}, but there is {nameof(ValidationData)} too; expected one of them.",
                nameof(ValidationFraction));
        }

        if (Tokenizer is not null && VocabularySize is not null)
        {
            throw new ArgumentException(
                $"{nameof(VocabularySize)} is {VocabularySize}, but the {nameof(Tokenizer)} has a vocabulary already.",
                nameof(VocabularySize));
        }

        using (BaseModel?.Use())
            AdapterOptions.Check(this, Adapter, BaseModel?.Networks);
        if (BaseModel is null)
            return;
        if (BaseModel.WeightFormat != WeightFormat.Float32 && !TrainsAdapter)
        {
            throw new ArgumentException(
                $"{nameof(BaseModel)} stores its weights as {BaseModel.WeightFormat}, which cannot be trained: set {nameof(Adapter)}.",
                nameof(BaseModel));
        }

        if (Tokenizer is not null || VocabularySize is not null)
        {
            throw new ArgumentException(
                $"{nameof(BaseModel)} brings its own tokenizer: set neither {nameof(Tokenizer)} nor {nameof(VocabularySize)}.",
                nameof(BaseModel));
        }
    }
}
