using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative;

/// <summary>Options of <see cref="PpoEstimator"/>.</summary>
/// <example>
/// <code>
/// LanguageModelTransformer model = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M");
/// var ppo = mlContext.Transforms.Generative().Ppo(new PpoOptions
/// {
///     BaseModel = model,
///     Adapter = new LoraOptions { Rank = 16 },
///     Rewards = [TextReward.FromFunction((prompt, completion) => completion.Contains("thank") ? 1 : 0)],
///     KlTarget = 6,
///     MissingEndPenalty = 1,
/// });
/// </code>
/// </example>
public sealed class PpoOptions : RolloutOptions
{
    internal static new class Defaults
    {
        public const int RolloutPrompts = 64;
        public const int RolloutEpochs = 4;
    }

    /// <summary>Prompts of a roll-out, at least 1, each completed once. Default: 64.</summary>
    public override int RolloutPrompts { get; set; } = Defaults.RolloutPrompts;

    /// <summary>Passes over each roll-out, at least 1. Default: 4.</summary>
    public override int RolloutEpochs { get; set; } = Defaults.RolloutEpochs;

    /// <summary>γ, 0 to 1: what a reward counts one token earlier. Default: 1.</summary>
    public double Discount { get; set; } = 1;

    /// <summary>
    /// λ of generalized advantage estimation, 0 to 1: 0 trusts the values, 1 the rewards. Default: 0.95.
    /// </summary>
    public double Lambda { get; set; } = 0.95;

    /// <summary>Whether advantages get mean 0 and variance 1 over the tokens of a roll-out. Default: true.</summary>
    public bool WhitenAdvantages { get; set; } = true;

    /// <summary>Whether rewards get variance 1 over the tokens of a roll-out; their mean stays. Default: false.</summary>
    public bool WhitenRewards { get; set; }

    /// <summary>Values count up to this far from those of the roll-out, at least 0. Default: 0.2.</summary>
    public double ValueClipRange { get; set; } = 0.2;

    /// <summary>What the loss of the values counts beside that of the policy, at least 0. Default: 0.1.</summary>
    public double ValueCoefficient { get; set; } = 0.1;

    /// <summary>
    /// Whether values come from a network of their own, which begins as the base model, in place of a linear layer on the policy's hidden
    /// states: twice the memory and time, and values that do not disturb the policy. Default: false.
    /// </summary>
    public bool UsesValueNetwork { get; set; }

    /// <summary>
    /// The divergence from the base model in nats per completion, above 0, that <see cref="RolloutOptions.KlCoefficient"/> is changed to
    /// reach (Ziegler et al. 2019). Default: none, the coefficient is fixed.
    /// </summary>
    public double? KlTarget { get; set; }

    /// <summary>
    /// Completions over which the coefficient may change by a factor of about 1.2, at least 1; with <see cref="KlTarget"/>. After one
    /// roll-out it changes by no more than that factor. Default: 10000.
    /// </summary>
    public int KlHorizon { get; set; } = 10_000;

    internal override int Completions => 1;

    internal override PpoOptions Copy() => (PpoOptions)base.Copy();

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.Between(Discount, 0, 1);
        OptionChecks.Between(Lambda, 0, 1);
        OptionChecks.AtLeast(ValueClipRange, 0);
        OptionChecks.AtLeast(ValueCoefficient, 0);
        OptionChecks.Positive(KlTarget);
        OptionChecks.AtLeast(KlHorizon, 1);
        if (KlTarget is not null && KlCoefficient == 0)
        {
            throw new ArgumentException(
                $"{nameof(KlTarget)} is {KlTarget}, but {nameof(KlCoefficient)} is 0, which no factor changes; expected a coefficient "
                + "above 0.",
                nameof(KlCoefficient));
        }
    }
}
