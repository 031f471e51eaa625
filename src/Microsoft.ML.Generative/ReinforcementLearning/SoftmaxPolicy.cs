using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.ReinforcementLearning;

/// <summary>A softmax of a preference for each state and action (Sutton, Barto 2018, eq. 13.2).</summary>
/// <param name="preferences">[state, action]; the policy changes them.</param>
internal sealed class SoftmaxPolicy(double[,] preferences)
{
    public double[,] Preferences => preferences;

    /// <summary>The probability of each action in a state.</summary>
    public double[] Probabilities(int state)
    {
        double[] probabilities = new double[preferences.GetLength(1)];
        double highest = double.NegativeInfinity, sum = 0;
        for (int action = 0; action < probabilities.Length; action++)
            highest = Math.Max(highest, preferences[state, action]);
        for (int action = 0; action < probabilities.Length; action++)
            sum += probabilities[action] = Math.Exp(preferences[state, action] - highest);
        for (int action = 0; action < probabilities.Length; action++)
            probabilities[action] /= sum;
        return probabilities;
    }

    /// <summary>The probability of each action in each state.</summary>
    public double[,] Probabilities()
    {
        double[,] all = new double[preferences.GetLength(0), preferences.GetLength(1)];
        for (int state = 0; state < all.GetLength(0); state++)
        {
            double[] row = Probabilities(state);
            for (int action = 0; action < row.Length; action++)
                all[state, action] = row[action];
        }

        return all;
    }

    public int Sample(int state, ref RowRandom random)
    {
        double[] probabilities = Probabilities(state);
        double rest = random.NextDouble();
        for (int action = 0; action < probabilities.Length - 1; action++)
        {
            rest -= probabilities[action];
            if (rest < 0)
                return action;
        }

        return probabilities.Length - 1;
    }

    /// <summary>Moves the preferences by a multiple of the gradient of ln π(action | state).</summary>
    /// <param name="state">The state.</param>
    /// <param name="action">The action that was taken.</param>
    /// <param name="probabilities">Those of the actions when it was taken.</param>
    /// <param name="amount">The multiple.</param>
    public void Follow(int state, int action, double[] probabilities, double amount)
    {
        for (int other = 0; other < probabilities.Length; other++)
            preferences[state, other] += amount * ((other == action ? 1 : 0) - probabilities[other]);
    }
}
