using Microsoft.ML.Generative.ReinforcementLearning;

namespace Microsoft.ML.Generative.Tests.ReinforcementLearning;

/// <summary>Processes whose solutions are published or found by hand.</summary>
internal static class Processes
{
    private static readonly (int Row, int Column)[] _moves = [(-1, 0), (1, 0), (0, 1), (0, -1)];

    /// <summary>Sutton, Barto 2018, example 3.5: from (0, 1) to (4, 1) for 10, from (0, 3) to (2, 3) for 5, off the grid for −1.</summary>
    public static MarkovDecisionProcess Example35() => new(25, 4, 0.9, (state, action) =>
    {
        if (state is 1 or 3)
            return [new StateTransition(state == 1 ? 21 : 13, 1, state == 1 ? 10 : 5)];
        return Move(state, action, side: 5) is { } next ? [new StateTransition(next, 1, 0)] : [new StateTransition(state, 1, -1)];
    });

    /// <summary>Sutton, Barto 2018, example 4.1: −1 for each move, terminal in two corners, no discount.</summary>
    public static MarkovDecisionProcess Example41() => new(16, 4, 1, (state, action) => state is 0 or 15
        ? [new StateTransition(state, 1, 0)]
        : [new StateTransition(Move(state, action, side: 4) ?? state, 1, -1)]);

    /// <summary>Sutton, Barto 2018, exercise 3.22: two actions, of which the left pays 1 at once and the right 2 one step later.</summary>
    public static MarkovDecisionProcess LeftOrRight(double discount) => new(3, 2, discount, (state, action) => state switch
    {
        0 => [new StateTransition(action == 0 ? 1 : 2, 1, action == 0 ? 1 : 0)],
        1 => [new StateTransition(0, 1, 0)],
        _ => [new StateTransition(0, 1, 2)],
    });

    /// <summary>The gambler of Sutton, Barto 2018, example 4.3, who stakes 1 or all that he may, with a coin of probability p.</summary>
    public static MarkovDecisionProcess Gambler(int goal, double p) => new(goal + 1, goal, 1, (capital, stake) =>
    {
        if (capital == 0 || capital == goal)
            return [new StateTransition(capital, 1, 0)];
        int bet = Math.Min(stake + 1, Math.Min(capital, goal - capital));
        return [new StateTransition(capital + bet, p, capital + bet == goal ? 1 : 0), new StateTransition(capital - bet, 1 - p, 0)];
    });

    /// <summary>One state to decide in, whose actions pay these rewards and end the episode.</summary>
    public static MarkovDecisionProcess OneDecision(params double[] rewards) =>
        new(2, rewards.Length, 1, (state, action) => [new StateTransition(1, 1, state == 0 ? rewards[action] : 0)]);

    private static int? Move(int state, int action, int side)
    {
        (int row, int column) = (state / side + _moves[action].Row, state % side + _moves[action].Column);
        return row < 0 || row >= side || column < 0 || column >= side ? null : row * side + column;
    }
}
