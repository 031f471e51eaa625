using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.ReinforcementLearning;

/// <summary>Options of <see cref="MultiArmedBandit.Play"/>.</summary>
/// <example>
/// <code>
/// using Microsoft.ML.Generative.ReinforcementLearning;
///
/// var options = new BanditOptions { Strategy = BanditStrategy.ThompsonSampling, Rounds = 500, Seed = 1 };
/// </code>
/// </example>
public sealed class BanditOptions
{
    /// <summary>How arms are chosen. Default: <see cref="BanditStrategy.EpsilonGreedy"/>.</summary>
    public BanditStrategy Strategy { get; set; }

    /// <summary>How often an arm is pulled, at least 1. Default: 1,000.</summary>
    public int Rounds { get; set; } = 1000;

    /// <summary>ε of <see cref="BanditStrategy.EpsilonGreedy"/>: the part of the rounds that explore, 0 to 1. Default: 0.1.</summary>
    public double Epsilon { get; set; } = 0.1;

    /// <summary>
    /// c of <see cref="BanditStrategy.Ucb1"/>, above 0: more explores more. The regret is bounded for 2 and rewards in 0..1. Default: 2.
    /// </summary>
    public double Confidence { get; set; } = 2;

    /// <summary>The same seed plays the same rounds. Default: none, others each time.</summary>
    public int? Seed { get; set; }

    internal void Validate()
    {
        OptionChecks.Defined(Strategy);
        OptionChecks.AtLeast(Rounds, 1);
        OptionChecks.Between(Epsilon, 0, 1);
        OptionChecks.Positive(Confidence);
    }
}
