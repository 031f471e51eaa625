namespace Microsoft.ML.Generative.ReinforcementLearning;

/// <summary>One of the outcomes of an action in a state of a <see cref="MarkovDecisionProcess"/>.</summary>
/// <param name="Next">The state that follows, from 0.</param>
/// <param name="Probability">Its probability, 0 to 1; those of all outcomes of the action sum to 1.</param>
/// <param name="Reward">The reward of the transition.</param>
public readonly record struct StateTransition(int Next, double Probability, double Reward);
