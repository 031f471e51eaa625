using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.ReinforcementLearning;

/// <summary>
/// Options of <see cref="MarkovDecisionProcess.Reinforce"/> and <see cref="MarkovDecisionProcess.ActorCritic"/>.
/// </summary>
/// <example>
/// <code>
/// using Microsoft.ML.Generative.ReinforcementLearning;
///
/// var options = new PolicyGradientOptions { Episodes = 2000, LearningRate = 0.2, Seed = 1 };
/// </code>
/// </example>
public sealed class PolicyGradientOptions
{
    /// <summary>Episodes to learn from, at least 1. Default: 1,000.</summary>
    public int Episodes { get; set; } = 1000;

    /// <summary>
    /// Steps after which an episode is cut off, at least 1; for REINFORCE the rewards after them are missing from the return. Default:
    /// 1,000.
    /// </summary>
    public int MaxStepsPerEpisode { get; set; } = 1000;

    /// <summary>The learning rate of the policy's preferences, above 0. Default: 0.1.</summary>
    public double LearningRate { get; set; } = 0.1;

    /// <summary>The learning rate of the states' values (baseline or critic), above 0. Default: 0.1.</summary>
    public double ValueLearningRate { get; set; } = 0.1;

    /// <summary>
    /// The state that episodes begin in. Default: none, they begin in each state that is not terminal with the same probability.
    /// </summary>
    public int? StartState { get; set; }

    /// <summary>The preferences to begin with, [state, action]. Default: none, all are 0 and the policy is uniform.</summary>
    public double[,]? InitialPreferences { get; set; }

    /// <summary>The same seed samples the same episodes. Default: none, others each time.</summary>
    public int? Seed { get; set; }

    /// <summary>Receives a report every <see cref="ReportInterval"/> episodes, on the thread that trains. Default: none.</summary>
    public IProgress<PolicyGradientProgress>? Progress { get; set; }

    /// <summary>Episodes between reports, at least 1. Default: 10.</summary>
    public int ReportInterval { get; set; } = 10;

    /// <summary>Stops the training after an episode.</summary>
    public CancellationToken CancellationToken { get; set; }

    internal void Validate()
    {
        OptionChecks.AtLeast(Episodes, 1);
        OptionChecks.AtLeast(MaxStepsPerEpisode, 1);
        OptionChecks.Positive(LearningRate);
        OptionChecks.Positive(ValueLearningRate);
        OptionChecks.AtLeast(ReportInterval, 1);
        if (InitialPreferences is not null && InitialPreferences.Cast<double>().Any(p => !double.IsFinite(p)))
            throw new ArgumentException(
                $"{nameof(InitialPreferences)} has values that are not finite; expected finite numbers.", nameof(InitialPreferences));
    }
}
