using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Training;

namespace Microsoft.ML.Generative;

/// <summary>What the options of all trainings have in common that begin with a language model: reward models and alignment.</summary>
public abstract class LanguageModelTuningOptions : TrainingOptions
{
    internal static new class Defaults
    {
        public const int Epochs = 1;
        public const int BatchSize = 16;
        public const int TransformBatchSize = 32;
    }

    private protected LanguageModelTuningOptions()
    {
    }

    /// <summary>Passes over the data, at least 1. Default: 1.</summary>
    public override int Epochs { get; set; } = Defaults.Epochs;

    /// <summary>Rows that go through the network at once, at least 1. Default: 16.</summary>
    public override int BatchSize { get; set; } = Defaults.BatchSize;

    /// <summary>The optimizer. Default: <see cref="OptimizerKind.AdamW"/>.</summary>
    public override OptimizerKind Optimizer { get; set; } = OptimizerKind.AdamW;

    /// <summary>The learning rate after the warm-up, above 0. Default: 0.00001, or 0.0001 where an adapter is trained.</summary>
    /// <remarks>Small models that were trained for minutes take ten to a hundred times as much.</remarks>
    public override double LearningRate
    {
        get => base.LearningRate;
        set => base.LearningRate = value;
    }

    /// <summary>The norm above which a gradient is scaled down to it, above 0. Default: 1.</summary>
    public override double? GradientClipNorm { get; set; } = 1;

    /// <summary>
    /// The language model that the training begins with: its network, its weights and its tokenizer. It stays as it is. Needed.
    /// </summary>
    [JsonIgnore]
    public LanguageModelTransformer? BaseModel { get; set; }

    /// <summary>
    /// Trains low-rank adapters on top of <see cref="BaseModel"/> in place of its weights, which stay as they are and are shared in memory.
    /// Default: none, all weights are trained; of a base model that uses an adapter, the adapter.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public LoraOptions? Adapter { get; set; }

    /// <summary>
    /// The part of the values that is dropped at random while training, 0 to below 1 (Srivastava et al. 2014). Default: 0.
    /// </summary>
    public double Dropout { get; set; }

    /// <summary>
    /// Whether the training computes each block a second time instead of keeping what happened inside of it: a third more time for a
    /// fraction of the memory. Default: false.
    /// </summary>
    public bool GradientCheckpointing { get; set; }

    /// <summary>Rows that a transform computes at once, 1 to 65,536. The results do not depend on it. Default: 32.</summary>
    public int TransformBatchSize { get; set; } = Defaults.TransformBatchSize;

    internal override double DefaultLearningRate => TrainsAdapter ? 1e-4 : 1e-5;

    internal virtual bool TrainsAdapter => Adapter is not null || BaseModel?.ActiveAdapter is not null;

    internal override IBaseModel? Base => BaseModel;

    /// <summary>The options of a language model that is trained further in the same way.</summary>
    internal virtual LanguageModelOptions ForLanguageModel() => new()
    {
        BaseModel = BaseModel,
        Adapter = Adapter,
        FrozenParameters = FrozenParameters,
        Dropout = Dropout,
        GradientCheckpointing = GradientCheckpointing,
        TransformBatchSize = TransformBatchSize,
    };

    internal override LanguageModelTuningOptions Copy()
    {
        var copy = (LanguageModelTuningOptions)base.Copy();
        copy.Adapter = Adapter?.Copy();
        return copy;
    }

    internal override void Validate()
    {
        base.Validate();
        Adapter?.Validate();
        OptionChecks.Below(Dropout, 1);
        OptionChecks.RowsAtOnce(TransformBatchSize);
    }

    internal override void ValidateForTraining()
    {
        base.ValidateForTraining();
        CheckBase();
    }

    /// <summary>Checks that there is a base model, and that the options fit it.</summary>
    /// <exception cref="ArgumentException">There is none, or they do not; the message names the option.</exception>
    internal virtual void CheckBase()
    {
        if (BaseModel is null)
        {
            throw new ArgumentException(
                $"{nameof(BaseModel)} is not set; expected the language model that the training begins with.", nameof(BaseModel));
        }

        ForLanguageModel().ValidateForTraining();
    }
}
