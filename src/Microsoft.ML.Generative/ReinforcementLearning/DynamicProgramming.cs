using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.ReinforcementLearning;

/// <summary>Solves Markov decision processes whose probabilities are known (Sutton, Barto 2018, chapter 4).</summary>
internal static class DynamicProgramming
{
    // Of a value: a smaller advantage is rounding, and would change equally good actions for ever.
    private const double RelativeAdvantage = 1e-12;

    public static MdpSolution ValueIteration(MarkovDecisionProcess process, double tolerance, int maxSweeps)
    {
        // ‖v − v*‖ ≤ γ / (1 − γ) · ‖v − v before‖
        double gamma = process.Discount, threshold = gamma is > 0 and < 1 ? tolerance * (1 - gamma) / gamma : tolerance;
        double[] values = new double[process.StateCount];
        double change = 0;
        for (int sweep = 1; sweep <= maxSweeps; sweep++)
        {
            change = 0;
            double[,] actionValues = process.ActionValues(values);
            for (int state = 0; state < values.Length; state++)
            {
                double best = actionValues[state, Best(actionValues, state)];
                change = Math.Max(change, Math.Abs(best - values[state]));
                values[state] = best;
            }

            if (change <= threshold)
                return Solution(process, values, sweep);
        }

        throw new InvalidOperationException(
            $"After {maxSweeps} sweeps the values still change by {ShortNumber.Text(change)}; expected at most "
            + $"{ShortNumber.Text(threshold)}. Allow more sweeps, or a larger tolerance"
            + (gamma == 1 ? "; with a discount of 1 a reward that can be had for ever makes values infinite." : "."));
    }

    public static MdpSolution PolicyIteration(MarkovDecisionProcess process)
    {
        double[,] actionValues = process.ActionValues(PolicyEvaluation.Solve(process, process.UniformPolicy()));
        int[] actions = [.. Enumerable.Range(0, process.StateCount).Select(state => Best(actionValues, state))];
        for (int iteration = 2; ; iteration++)
        {
            double[] values = PolicyEvaluation.Solve(process, PolicyOf(process, actions));
            actionValues = process.ActionValues(values);
            bool isStable = true;
            for (int state = 0; state < actions.Length; state++)
            {
                int best = Best(actionValues, state);
                double current = actionValues[state, actions[state]];
                if (actionValues[state, best] - current <= RelativeAdvantage * Math.Max(1, Math.Abs(current)))
                    continue;
                (actions[state], isStable) = (best, false);
            }

            if (isStable)
                return new MdpSolution(values, actionValues, actions, iteration);
        }
    }

    private static MdpSolution Solution(MarkovDecisionProcess process, double[] values, int iterations)
    {
        double[,] actionValues = process.ActionValues(values);
        return new MdpSolution(
            values, actionValues, [.. Enumerable.Range(0, values.Length).Select(state => Best(actionValues, state))], iterations);
    }

    private static double[,] PolicyOf(MarkovDecisionProcess process, int[] actions)
    {
        double[,] policy = new double[process.StateCount, process.ActionCount];
        for (int state = 0; state < actions.Length; state++)
            policy[state, actions[state]] = 1;
        return policy;
    }

    private static int Best(double[,] actionValues, int state)
    {
        int best = 0;
        for (int action = 1; action < actionValues.GetLength(1); action++)
        {
            if (actionValues[state, action] > actionValues[state, best])
                best = action;
        }

        return best;
    }
}
