using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.RewardModels;
using Microsoft.ML.Generative.Training;

namespace Microsoft.ML.Generative;

/// <summary>Options of <see cref="RewardModelEstimator"/>.</summary>
/// <remarks>
/// The loss is −log σ(r(chosen) − r(rejected) − margin) in nats, the mean over the pairs; a model that knows nothing begins at log 2. Only
/// differences of scores are learned, unless <see cref="CenteringCoefficient"/> holds their mean at 0.
/// </remarks>
/// <example>
/// <code>
/// LanguageModelTransformer languageModel = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M");
/// var rewardModel = mlContext.Transforms.Generative().RewardModel(new RewardModelOptions
/// {
///     BaseModel = languageModel,
///     PromptColumnName = "Prompt",
///     ChosenColumnName = "Chosen",
///     RejectedColumnName = "Rejected",
///     CenteringCoefficient = 0.01,
/// });
/// </code>
/// </example>
public sealed class RewardModelOptions : LanguageModelTuningOptions
{
    internal static new class Defaults
    {
        public const string OutputColumnName = "Score";
        public const string ChosenColumnName = "Chosen";
        public const string RejectedColumnName = "Rejected";
    }

    /// <summary>The learning rate after the warm-up, above 0. Default: 0.0001, or 0.001 where an adapter is trained.</summary>
    public override double LearningRate
    {
        get => base.LearningRate;
        set => base.LearningRate = value;
    }

    /// <summary>The output column with the score, a Single: higher is better. Default: Score.</summary>
    public string OutputColumnName { get; set; } = Defaults.OutputColumnName;

    /// <summary>The text column with the better text of each pair; read by the training. Default: Chosen.</summary>
    public string ChosenColumnName { get; set; } = Defaults.ChosenColumnName;

    /// <summary>The text column with the worse text of each pair; read by the training. Default: Rejected.</summary>
    public string RejectedColumnName { get; set; } = Defaults.RejectedColumnName;

    /// <summary>
    /// The text column with the prompts that the texts answer, read by the training and where the model scores texts. Default: none, the
    /// texts stand alone.
    /// </summary>
    public string? PromptColumnName { get; set; }

    /// <summary>
    /// The column of Single with the amount by which the score of the better text is to be above that of the worse at least (Touvron et al.
    /// 2023, section 3.2.2); read by the training. Default: none, 0.
    /// </summary>
    public string? MarginColumnName { get; set; }

    /// <summary>
    /// The text column that is scored where the model transforms rows. Default: that of <see cref="ChosenColumnName"/>.
    /// </summary>
    public string? InputColumnName { get; set; }

    /// <summary>
    /// What (r(chosen) + r(rejected))² is added to the loss with, at least 0: it holds the mean of the scores at 0 (Eisenstein et al.
    /// 2023), such as 0.01. Default: 0.
    /// </summary>
    public double CenteringCoefficient { get; set; }

    /// <summary>
    /// A trained reward model to continue from, its score head included, in place of <see cref="LanguageModelTuningOptions.BaseModel"/>.
    /// It stays as it is. Default: none, the score head begins with random weights.
    /// </summary>
    [JsonIgnore]
    public RewardModelTransformer? RewardModel { get; set; }

    internal override double DefaultLearningRate => 10 * base.DefaultLearningRate;

    internal override bool TrainsAdapter => base.TrainsAdapter || RewardModel?.ActiveAdapter is not null;

    // Of a language model's network, there is no score head to copy.
    internal override IBaseModel? Base => RewardModel;

    internal PreferenceColumns Columns => new(PromptColumnName, ChosenColumnName, RejectedColumnName, MarginColumnName);

    internal override RewardModelOptions Copy() => (RewardModelOptions)base.Copy();

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.NotEmpty(OutputColumnName);
        OptionChecks.NotEmpty(ChosenColumnName);
        OptionChecks.NotEmpty(RejectedColumnName);
        OptionChecks.NullOrNotEmpty(PromptColumnName);
        OptionChecks.NullOrNotEmpty(MarginColumnName);
        OptionChecks.NullOrNotEmpty(InputColumnName);
        OptionChecks.AtLeast(CenteringCoefficient, 0);
        Columns.Validate();
    }

    internal override void CheckBase()
    {
        if (BaseModel is null == RewardModel is null)
        {
            throw new ArgumentException(
                $"{nameof(BaseModel)} and {nameof(RewardModel)} are {(BaseModel is null ? "not set" : "both set")}; expected one of them: "
                + "a language model that gets a score head, or a reward model.", nameof(BaseModel));
        }

        if (RewardModel is null)
        {
            base.CheckBase();
            return;
        }

        if (Adapter is not null)
        {
            throw new ArgumentException(
                $"{nameof(Adapter)} cannot be combined with {nameof(RewardModel)}, which is trained as it is: its adapter where it has "
                + "one, else all its weights.", nameof(Adapter));
        }

        if (TrainsAdapter && FrozenParameters.Length > 0)
        {
            throw new ArgumentException(
                $"{nameof(FrozenParameters)} has '{FrozenParameters[0]}'; where an adapter is trained, all parameters of the base model "
                + "are frozen.", nameof(FrozenParameters));
        }
    }
}
