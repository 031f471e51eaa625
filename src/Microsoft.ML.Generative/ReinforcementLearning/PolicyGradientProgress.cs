namespace Microsoft.ML.Generative.ReinforcementLearning;

/// <summary>How far the training of a policy is.</summary>
public sealed class PolicyGradientProgress
{
    /// <summary>Episodes so far.</summary>
    public required int Episode { get; init; }

    /// <summary>The mean discounted return of the episodes since the last report.</summary>
    public required double MeanReturn { get; init; }

    /// <summary>The policy so far, probabilities [state, action]; a copy.</summary>
    public required double[,] Policy { get; init; }
}
