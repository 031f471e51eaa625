namespace Microsoft.ML.Generative.ReinforcementLearning;

/// <summary>A policy that was learned from episodes.</summary>
public sealed class PolicyGradientResult
{
    /// <summary>The policy: the softmax of <see cref="Preferences"/>, probabilities [state, action].</summary>
    public required double[,] Policy { get; init; }

    /// <summary>The preferences of the actions, [state, action].</summary>
    public required double[,] Preferences { get; init; }

    /// <summary>The learned value of each state: baseline or critic; all 0 where there was none.</summary>
    public required IReadOnlyList<double> Values { get; init; }

    /// <summary>The discounted return of each episode.</summary>
    public required IReadOnlyList<double> Returns { get; init; }
}
