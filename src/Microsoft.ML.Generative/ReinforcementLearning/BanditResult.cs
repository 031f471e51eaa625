namespace Microsoft.ML.Generative.ReinforcementLearning;

/// <summary>What a strategy did with a <see cref="MultiArmedBandit"/>.</summary>
public sealed class BanditResult
{
    /// <summary>The arm of each round.</summary>
    public required IReadOnlyList<int> Arms { get; init; }

    /// <summary>The reward of each round.</summary>
    public required IReadOnlyList<double> Rewards { get; init; }

    /// <summary>
    /// The regret up to each round: how much more the best arm would have paid on average (without the noise of the rewards).
    /// </summary>
    public required IReadOnlyList<double> Regret { get; init; }

    /// <summary>How often each arm was pulled.</summary>
    public required IReadOnlyList<int> Pulls { get; init; }

    /// <summary>The mean reward of each arm, as it was seen; 0 for an arm that was never pulled.</summary>
    public required IReadOnlyList<double> Means { get; init; }
}
