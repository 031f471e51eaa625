namespace Microsoft.ML.Generative;

/// <summary>What the differences of scores to the mean of their group are divided by.</summary>
public enum AdvantageScaling
{
    /// <summary>
    /// The standard deviation in the group (Shao et al. 2024): each prompt counts alike, however alike its completions are.
    /// </summary>
    Group,

    /// <summary>The standard deviation in the whole roll-out.</summary>
    Rollout,

    /// <summary>Nothing (Liu et al. 2025): the scale of the reward is that of the gradient.</summary>
    None,
}
