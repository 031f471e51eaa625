namespace Microsoft.ML.Generative.ReinforcementLearning;

/// <summary>The values of a policy, by a system of linear equations: (I − γ·P)·v = r.</summary>
internal static class PolicyEvaluation
{
    /// <param name="process">The process.</param>
    /// <param name="policy">Checked probabilities, [state, action].</param>
    /// <exception cref="InvalidOperationException">The values are not defined.</exception>
    public static double[] Solve(MarkovDecisionProcess process, double[,] policy)
    {
        int[] states = [.. Enumerable.Range(0, process.StateCount).Where(s => !process.IsTerminal(s))];
        if (process.Discount == 1)
            CheckEnds(process, policy, states);
        int[] rows = new int[process.StateCount];
        for (int row = 0; row < states.Length; row++)
            rows[states[row]] = row;

        double[,] matrix = new double[states.Length, states.Length];
        double[] rewards = new double[states.Length];
        for (int row = 0; row < states.Length; row++)
        {
            matrix[row, row] = 1;
            for (int action = 0; action < process.ActionCount; action++)
            {
                double probability = policy[states[row], action];
                rewards[row] += probability * process.ExpectedReward(states[row], action);
                foreach (StateTransition outcome in process.Outcomes(states[row], action))
                {
                    if (!process.IsTerminal(outcome.Next))
                        matrix[row, rows[outcome.Next]] -= process.Discount * probability * outcome.Probability;
                }
            }
        }

        double[] solution = LinearSystem.Solve(matrix, rewards), values = new double[process.StateCount];
        for (int row = 0; row < states.Length; row++)
            values[states[row]] = solution[row];
        return values;
    }

    // Without a discount, the matrix has an inverse if and only if a terminal state can be reached from everywhere.
    private static void CheckEnds(MarkovDecisionProcess process, double[,] policy, int[] states)
    {
        bool[] ends = [.. Enumerable.Range(0, process.StateCount).Select(process.IsTerminal)];
        bool changed = true;
        while (changed)
        {
            changed = false;
            foreach (int state in states)
            {
                if (ends[state] || !CanReach(state))
                    continue;
                ends[state] = changed = true;
            }
        }

        foreach (int state in states)
        {
            if (!ends[state])
            {
                throw new InvalidOperationException(
                    $"From state {state} the policy never reaches a terminal state: with a discount of 1 its values are not defined. "
                    + "Use a discount below 1, or a policy that ends.");
            }
        }

        bool CanReach(int state) => Enumerable.Range(0, process.ActionCount).Any(
            action => policy[state, action] > 0 && process.Outcomes(state, action).Any(o => ends[o.Next]));
    }
}
