using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Tokenizers;
using Microsoft.ML.Generative.Training;

namespace Microsoft.ML.Generative;

/// <summary>What the options of all trainings of a transformer encoder have in common.</summary>
public abstract class EncoderTrainingOptions : TrainingOptions
{
    internal static new class Defaults
    {
        public const int BatchSize = 16;
        public const int TransformBatchSize = 256;
        public const int VocabularySize = 4096;
        public const int StepsOnCpu = 2000;
    }

    private EncoderArchitecture? _architecture;

    private protected EncoderTrainingOptions()
    {
    }

    /// <summary>Rows that go through the network at once, at least 1. Default: 16.</summary>
    public override int BatchSize { get; set; } = Defaults.BatchSize;

    /// <summary>The optimizer. Default: <see cref="OptimizerKind.AdamW"/>.</summary>
    public override OptimizerKind Optimizer { get; set; } = OptimizerKind.AdamW;

    /// <summary>
    /// The learning rate after the warm-up, above 0. Default: 0.001 from random weights, 0.00005 from those of <see cref="BaseModel"/>,
    /// 0.001 where an adapter is trained.
    /// </summary>
    public override double LearningRate
    {
        get => base.LearningRate;
        set => base.LearningRate = value;
    }

    /// <summary>
    /// Weight decay, at least 0; of matrices only, not of biases and gains. Default: 0.01, or 0 where an adapter is trained.
    /// </summary>
    public override double WeightDecay
    {
        get => base.WeightDecay;
        set => base.WeightDecay = value;
    }

    /// <summary>How the learning rate changes after the warm-up. Default: <see cref="LearningRateSchedule.Linear"/>.</summary>
    public override LearningRateSchedule LearningRateSchedule { get; set; } = LearningRateSchedule.Linear;

    /// <summary>Steps over which the learning rate rises from 0, at least 0. Default: a tenth of the training.</summary>
    public override long? WarmupSteps { get; set; }

    /// <summary>The norm above which a gradient is scaled down to it, above 0. Default: 1.</summary>
    public override double? GradientClipNorm { get; set; } = 1;

    /// <summary>
    /// What the training multiplies in; the trained model computes in Float32 in any case. Default: <see cref="ComputePrecision.Auto"/>.
    /// </summary>
    public override ComputePrecision Precision { get; set; } = ComputePrecision.Auto;

    /// <summary>
    /// The network. Default: 4 layers of 128 values with 4 heads, and 128 tokens; that of <see cref="BaseModel"/> if there is one.
    /// </summary>
    public EncoderArchitecture Architecture
    {
        get => _architecture ?? new EncoderArchitecture();
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            _architecture = value;
        }
    }

    /// <summary>
    /// What turns text into tokens. Default: a WordPiece tokenizer that is made from the data, with <see cref="VocabularySize"/> tokens.
    /// </summary>
    [JsonIgnore]
    public GenerativeTokenizer? Tokenizer { get; set; }

    /// <summary>
    /// Tokens of the WordPiece tokenizer that is made from the data where there is no <see cref="Tokenizer"/>, at least 6. Default: as many
    /// as the data needs, up to 4,096.
    /// </summary>
    public int? VocabularySize { get; set; }

    /// <summary>
    /// Tokens of a text at most, with those that the tokenizer puts round it; the rest of a longer text is left out. Default: as many as
    /// <see cref="BaseModel"/> takes, or the context of <see cref="Architecture"/>.
    /// </summary>
    public int? MaxTokens { get; set; }

    /// <summary>
    /// A trained or loaded model to continue from: its encoder and its tokenizer in place of <see cref="Architecture"/>,
    /// <see cref="Tokenizer"/> and <see cref="VocabularySize"/>, and its head where it is of the same kind. It stays as it is. Default:
    /// none, the training begins with random weights.
    /// </summary>
    [JsonIgnore]
    public EncoderTransformer? BaseModel { get; set; }

    /// <summary>
    /// Trains low-rank adapters on top of the encoder of <see cref="BaseModel"/> in place of its weights, which stay as they are and are
    /// shared in memory. Default: none, all weights are trained; of a base model that uses an adapter, the adapter.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public LoraOptions? Adapter { get; set; }

    /// <summary>
    /// The number of lowest blocks that stay as they are in <see cref="BaseModel"/>, with the embeddings, at least 0. Default: none.
    /// </summary>
    public int? FrozenLayers { get; set; }

    /// <summary>
    /// The part of the values that is dropped at random while training, 0 to below 1 (Srivastava et al. 2014). Default: 0.1.
    /// </summary>
    public double Dropout { get; set; } = 0.1;

    /// <summary>
    /// Whether the training computes each block a second time instead of keeping what happened inside of it: a third more time for a
    /// fraction of the memory. Default: false.
    /// </summary>
    public bool GradientCheckpointing { get; set; }

    /// <summary>
    /// Rows that a transform reads and computes together, those of similar lengths at once, 1 to 65,536. The results do not depend on it.
    /// Default: 256.
    /// </summary>
    public int TransformBatchSize { get; set; } = Defaults.TransformBatchSize;

    internal override double DefaultLearningRate => BaseModel is null || TrainsAdapter ? 1e-3 : 5e-5;

    internal override double DefaultWeightDecay => TrainsAdapter ? 0 : 0.01;

    internal override long DefaultWarmupSteps(long totalSteps) => totalSteps / 10;

    internal override long? StepsOnCpu => Defaults.StepsOnCpu;

    internal override IReadOnlyList<string> MemoryOptions => GradientCheckpointing ? [] : [nameof(GradientCheckpointing)];

    internal override IReadOnlyList<string> SizeOptions => [nameof(Architecture), nameof(VocabularySize)];

    internal bool TrainsAdapter => Adapter is not null || BaseModel?.ActiveAdapter is not null;

    /// <summary>Whether the pooler of a base model is a part of the model that is trained.</summary>
    internal virtual bool KeepsPooler => false;

    /// <summary>Patterns of all parameters that stay as they are beside <see cref="TrainingOptions.FrozenParameters"/>.</summary>
    internal IReadOnlyList<string> FrozenLayerPatterns(EncoderArchitecture architecture) => FrozenLayers is not > 0
        ? []
        :
        [
            "encoder.tokens.*", "encoder.embeddingNorm.*",
            .. architecture.PositionRows > 0 ? (string[])["encoder.positions"] : [],
            .. architecture.SegmentCount > 0 ? (string[])["encoder.segments.*"] : [],
            .. Enumerable.Range(0, FrozenLayers.Value).Select(i => $"encoder.blocks.{i}.*"),
        ];

    internal override EncoderTrainingOptions Copy()
    {
        var copy = (EncoderTrainingOptions)base.Copy();
        copy.Adapter = Adapter?.Copy();
        return copy;
    }

    internal override void TakeFromBase()
    {
        if (BaseModel is { } model && _architecture is not null)
            BaseOptions.CheckProperties(Architecture, new EncoderArchitecture(), model.Architecture);
    }

    internal override void Validate()
    {
        base.Validate();
        Architecture.Validate();
        OptionChecks.AtLeast(VocabularySize, 6);
        OptionChecks.AtLeast(MaxTokens, 1);
        OptionChecks.AtLeast(FrozenLayers, 0);
        Adapter?.Validate();
        OptionChecks.Below(Dropout, 1);
        OptionChecks.RowsAtOnce(TransformBatchSize);
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

        EncoderArchitecture architecture = BaseModel?.Architecture ?? Architecture;
        if (MaxTokens > architecture.ContextLength)
        {
            throw new ArgumentException(
                $"{nameof(MaxTokens)} is {MaxTokens}; the network takes {architecture.ContextLength} tokens at most.", nameof(MaxTokens));
        }

        using (BaseModel?.Use())
            AdapterOptions.Check(this, Adapter, BaseModel?.Networks.Encoder);
        if (FrozenLayers > 0)
            CheckFrozenLayers(architecture);
        if (BaseModel is not null && (Tokenizer is not null || VocabularySize is not null))
        {
            throw new ArgumentException(
                $"{nameof(BaseModel)} brings its own tokenizer: set neither {nameof(Tokenizer)} nor {nameof(VocabularySize)}.",
                nameof(BaseModel));
        }
    }

    private void CheckFrozenLayers(EncoderArchitecture architecture)
    {
        if (BaseModel is null)
        {
            throw new ArgumentException(
                $"{nameof(FrozenLayers)} is {FrozenLayers}, but there is no {nameof(BaseModel)} whose layers could stay as they are.");
        }

        if (FrozenLayers > architecture.Layers)
        {
            throw new ArgumentException(
                $"{nameof(FrozenLayers)} is {FrozenLayers}; {nameof(BaseModel)} has {architecture.Layers}.");
        }

        if (TrainsAdapter)
        {
            throw new ArgumentException(
                $"{nameof(FrozenLayers)} is {FrozenLayers}; where an adapter is trained, all layers of the base model are frozen.");
        }
    }
}
