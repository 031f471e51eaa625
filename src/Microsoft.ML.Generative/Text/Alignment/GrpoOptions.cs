using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative;

/// <summary>Options of <see cref="GrpoEstimator"/>.</summary>
/// <remarks>
/// The loss says little: it is near 0 in every first step of a roll-out, where all ratios are 1 and the advantages of a group add up to 0,
/// while its gradient is not. Watch the score.
/// </remarks>
/// <example>
/// <code>
/// LanguageModelTransformer model = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M");
/// var grpo = mlContext.Transforms.Generative().Grpo(new GrpoOptions
/// {
///     BaseModel = model,
///     Rewards = [TextReward.FromFunction((prompt, completion) => completion.Split(' ').Count(word => word == "happy"))],
///     KlCoefficient = 0.05,
///     SamplePrompt = "Once upon a time",
/// });
/// </code>
/// </example>
public sealed class GrpoOptions : GroupRolloutOptions
{
    /// <summary>
    /// β, at least 0: what the divergence from the base model costs, in units of the advantage per nat. Default: 0, the policy is free.
    /// </summary>
    public override double KlCoefficient { get; set; }

    /// <summary>
    /// How the divergence is estimated. <see cref="KlEstimator.K1"/> and <see cref="KlEstimator.K3"/> are weighted by the ratio of
    /// probabilities, which gives them the gradient of KL(π ‖ π_ref) (DeepSeek-V3.2, 2025); without, the gradient of K3 is that of
    /// KL(π_ref ‖ π). Default: <see cref="KlEstimator.K3"/>.
    /// </summary>
    public KlEstimator KlEstimator { get; set; } = KlEstimator.K3;

    /// <summary>
    /// The ratio counts up to 1 + this, at least 0; higher than <see cref="RolloutOptions.ClipRange"/> keeps rare tokens alive, such as
    /// 0.28 (clip-higher; Yu et al. 2025). Default: that of <see cref="RolloutOptions.ClipRange"/>.
    /// </summary>
    public double? ClipRangeHigh { get; set; }

    /// <summary>How the losses of tokens become the loss of a step. Default: <see cref="LossReduction.Dapo"/>.</summary>
    public LossReduction LossReduction { get; set; }

    /// <summary>What differences of scores are divided by. Default: <see cref="AdvantageScaling.Group"/>.</summary>
    public AdvantageScaling AdvantageScaling { get; set; }

    /// <summary>
    /// Whether the ratio is one of whole completions, the geometric mean over their tokens (GSPO; Zheng et al. 2025), in place of one for
    /// each token. Default: false.
    /// </summary>
    public bool UsesSequenceRatio { get; set; }

    /// <summary>
    /// Whether completions that do not end within <see cref="RolloutOptions.MaxTokens"/> are left out of the loss. They still count in the
    /// mean of their group. Default: false.
    /// </summary>
    public bool MaskTruncated { get; set; }

    internal override GrpoOptions Copy() => (GrpoOptions)base.Copy();

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.Defined(KlEstimator);
        OptionChecks.AtLeast(ClipRangeHigh, 0);
        OptionChecks.Defined(LossReduction);
        OptionChecks.Defined(AdvantageScaling);
    }

    internal override void ValidateForTraining()
    {
        base.ValidateForTraining();
        if (MaskTruncated && !BaseModel!.Codec.Ends.Any())
        {
            throw new ArgumentException(
                $"{nameof(MaskTruncated)} is set, but the tokenizer of {nameof(BaseModel)} has no token that ends a text: all completions "
                + "would be left out.", nameof(MaskTruncated));
        }
    }
}
