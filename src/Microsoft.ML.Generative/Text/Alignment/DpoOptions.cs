using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.RewardModels;

namespace Microsoft.ML.Generative;

/// <summary>Options of <see cref="DpoEstimator"/>.</summary>
/// <remarks>
/// The loss of the first step is that of margin 0, log 2 for <see cref="DpoLoss.Sigmoid"/>: the policy begins as its reference.
/// </remarks>
/// <example>
/// <code>
/// LanguageModelTransformer model = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M-Instruct");
/// var dpo = mlContext.Transforms.Generative().Dpo(new DpoOptions
/// {
///     BaseModel = model,
///     Adapter = new LoraOptions { Rank = 16 },
///     Beta = 0.1,
///     Progress = new Progress&lt;TrainingProgress&gt;(p => Console.WriteLine($"{p.Step} {p.RecentLossTerms["reward margin"]:F3}")),
/// });
/// </code>
/// </example>
public sealed class DpoOptions : AlignmentOptions
{
    internal static new class Defaults
    {
        public const string ChosenColumnName = "Chosen";
        public const string RejectedColumnName = "Rejected";
    }

    /// <summary>The text column with the better completion of each prompt. Default: Chosen.</summary>
    public string ChosenColumnName { get; set; } = Defaults.ChosenColumnName;

    /// <summary>The text column with the worse completion of each prompt. Default: Rejected.</summary>
    public string RejectedColumnName { get; set; } = Defaults.RejectedColumnName;

    /// <summary>
    /// β, above 0: how strongly the policy is held to its reference. The policy sought is π_ref·exp(reward / β): smaller moves further
    /// away. Default: 0.1.
    /// </summary>
    public double Beta { get; set; } = AlignmentOptions.Defaults.Beta;

    /// <summary>What is minimized. Default: <see cref="DpoLoss.Sigmoid"/>.</summary>
    public DpoLoss Loss { get; set; }

    /// <summary>
    /// The share of preferences that are held to be turned round, 0 to below 0.5; for <see cref="DpoLoss.Sigmoid"/>, and above 0 for
    /// <see cref="DpoLoss.Robust"/>. Default: 0.
    /// </summary>
    public double LabelSmoothing { get; set; }

    /// <summary>Whether the reference is the uniform distribution in place of the base model. Default: false.</summary>
    public bool IsReferenceFree { get; set; }

    internal PreferenceColumns Columns => new(PromptColumnName, ChosenColumnName, RejectedColumnName, null);

    internal override DpoOptions Copy() => (DpoOptions)base.Copy();

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.NotEmpty(ChosenColumnName);
        OptionChecks.NotEmpty(RejectedColumnName);
        Columns.Validate();
        OptionChecks.Positive(Beta);
        OptionChecks.Defined(Loss);
        OptionChecks.Below(LabelSmoothing, 0.5);
        if (Loss is DpoLoss.Hinge or DpoLoss.Ipo && LabelSmoothing > 0)
        {
            throw new ArgumentException(
                $"{nameof(LabelSmoothing)} is {LabelSmoothing}; the loss {Loss} has none: leave it at 0, or take {DpoLoss.Sigmoid} or "
                + $"{DpoLoss.Robust}.", nameof(LabelSmoothing));
        }

        if (Loss == DpoLoss.Robust && LabelSmoothing == 0)
        {
            throw new ArgumentException(
                $"{nameof(LabelSmoothing)} is 0; the loss {Loss} needs the share of preferences that are turned round, such as 0.1.",
                nameof(LabelSmoothing));
        }
    }
}
