using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative;

/// <summary>What the scores of a roll-out are compared with in <see cref="RlooEstimator"/>.</summary>
public enum RlooBaseline
{
    /// <summary>The mean of the other completions of the same prompt (Ahmadian et al. 2024).</summary>
    LeaveOneOut,

    /// <summary>The mean of the roll-out: REINFORCE with a baseline (Williams 1992).</summary>
    RolloutMean,
}

/// <summary>Options of <see cref="RlooEstimator"/>.</summary>
/// <example>
/// <code>
/// LanguageModelTransformer model = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M");
/// var rloo = mlContext.Transforms.Generative().Rloo(new RlooOptions
/// {
///     BaseModel = model,
///     Rewards = [TextReward.FromFunction((prompt, completion) => completion.Contains("thank") ? 1 : 0)],
///     GroupSize = 4,
///     BatchSize = 32,
/// });
/// </code>
/// </example>
public sealed class RlooOptions : GroupRolloutOptions
{
    /// <summary>What a completion is compared with. Default: <see cref="RlooBaseline.LeaveOneOut"/>.</summary>
    public RlooBaseline Baseline { get; set; }

    internal override RlooOptions Copy() => (RlooOptions)base.Copy();

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.Defined(Baseline);
    }
}
