namespace Microsoft.ML.Generative.ReinforcementLearning;

/// <summary>The solution of a <see cref="MarkovDecisionProcess"/>.</summary>
public sealed class MdpSolution
{
    internal MdpSolution(double[] values, double[,] actionValues, int[] actions, int iterations)
    {
        (Values, ActionValues, Actions, Iterations) = (values, actionValues, actions, iterations);
        Policy = new double[actionValues.GetLength(0), actionValues.GetLength(1)];
        for (int state = 0; state < actions.Length; state++)
            Policy[state, actions[state]] = 1;
    }

    /// <summary>The value of each state under the optimal policy.</summary>
    public IReadOnlyList<double> Values { get; }

    /// <summary>The value of each action, if the optimal policy follows it: [state, action]. Equally good actions have the same.</summary>
    public double[,] ActionValues { get; }

    /// <summary>An optimal action for each state; any of those that are equally good.</summary>
    public IReadOnlyList<int> Actions { get; }

    /// <summary><see cref="Actions"/> as probabilities, [state, action].</summary>
    public double[,] Policy { get; }

    /// <summary>Sweeps of value iteration, or policies that policy iteration evaluated.</summary>
    public int Iterations { get; }
}
