using Microsoft.ML.Generative.ReinforcementLearning;

namespace Microsoft.ML.Generative.Tests.ReinforcementLearning;

public sealed class MarkovDecisionProcessTests
{
    // Sutton, Barto 2018, figure 3.2.
    private static readonly double[] _randomValues =
    [
        3.3, 8.8, 4.4, 5.3, 1.5,
        1.5, 3.0, 2.3, 1.9, 0.5,
        0.1, 0.7, 0.7, 0.4, -0.4,
        -1.0, -0.4, -0.4, -0.6, -1.2,
        -1.9, -1.3, -1.2, -1.4, -2.0,
    ];

    // Sutton, Barto 2018, figure 3.5.
    private static readonly double[] _optimalValues =
    [
        22.0, 24.4, 22.0, 19.4, 17.5,
        19.8, 22.0, 19.8, 17.8, 16.0,
        17.8, 19.8, 17.8, 16.0, 14.4,
        16.0, 17.8, 16.0, 14.4, 13.0,
        14.4, 16.0, 14.4, 13.0, 11.7,
    ];

    // Sutton, Barto 2018, figure 4.1, k = ∞.
    private static readonly double[] _stepsToTheCorner =
        [0, -14, -20, -22, -14, -18, -20, -20, -20, -20, -18, -14, -22, -20, -14, 0];

    [Fact]
    public void The_random_policy_has_the_values_of_figure_3_2()
    {
        MarkovDecisionProcess process = Processes.Example35();
        double[] values = process.Evaluate(process.UniformPolicy());
        Assert.Equal(_randomValues, values.Select(v => Math.Round(v, 1)));
    }

    [Fact]
    public void Value_and_policy_iteration_find_the_values_of_figure_3_5()
    {
        MarkovDecisionProcess process = Processes.Example35();
        MdpSolution byValues = process.ValueIteration(1e-9), byPolicies = process.PolicyIteration();
        Assert.Equal(_optimalValues, byPolicies.Values.Select(v => Math.Round(v, 1)));
        Assert.All(byValues.Values.Zip(byPolicies.Values), pair => Assert.Equal(pair.Second, pair.First, 1e-9));
        // 10 + γ⁴·v(A') closes the cycle of five steps.
        Assert.Equal(10 / (1 - Math.Pow(0.9, 5)), byPolicies.Values[1], 1e-10);
        // In A every action is as good as any other.
        for (int action = 1; action < 4; action++)
            Assert.Equal(byPolicies.ActionValues[1, 0], byPolicies.ActionValues[1, action]);
        Assert.Equal(byPolicies.Values, process.Evaluate(byPolicies.Policy));
    }

    [Fact]
    public void Without_a_discount_the_values_are_those_of_figure_4_1()
    {
        MarkovDecisionProcess process = Processes.Example41();
        double[] values = process.Evaluate(process.UniformPolicy());
        Assert.All(_stepsToTheCorner.Zip(values), pair => Assert.Equal(pair.First, pair.Second, 1e-10));
        // The shortest way to a corner.
        double[] shortest = [0, -1, -2, -3, -1, -2, -3, -2, -2, -3, -2, -1, -3, -2, -1, 0];
        Assert.Equal(shortest, process.PolicyIteration().Values.Select(v => Math.Round(v, 9)));
        Assert.Equal(shortest, process.ValueIteration().Values);
        Assert.Equal([true, false, true], new[] { 0, 5, 15 }.Select(process.IsTerminal));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.4)]
    [InlineData(0.5)]
    [InlineData(0.9)]
    public void The_discount_decides_between_one_now_and_two_later(double discount)
    {
        // Exercise 3.22: left is worth 1 / (1 − γ²), right 2γ / (1 − γ²).
        double left = 1 / (1 - discount * discount), right = 2 * discount / (1 - discount * discount);
        MarkovDecisionProcess process = Processes.LeftOrRight(discount);
        Assert.Equal(left, process.Evaluate(new double[,] { { 1, 0 }, { 1, 0 }, { 1, 0 } })[0], 1e-12);
        Assert.Equal(right, process.Evaluate(new double[,] { { 0, 1 }, { 1, 0 }, { 1, 0 } })[0], 1e-12);
        Assert.Equal(Math.Max(left, right), process.PolicyIteration().Values[0], 1e-12);
        if (left != right)
            Assert.Equal(left > right ? 0 : 1, process.ValueIteration().Actions[0]);
    }

    [Fact]
    public void Bold_play_solves_the_gamblers_problem()
    {
        // Dubins, Savage: with p below 1/2 bold play is optimal; its values at the quarters of the goal are p², p and p + (1 − p)·p.
        const double P = 0.4;
        MdpSolution solution = Processes.Gambler(16, P).ValueIteration();
        Assert.Equal(P * P, solution.Values[4], 1e-9);
        Assert.Equal(P, solution.Values[8], 1e-9);
        Assert.Equal(P + (1 - P) * P, solution.Values[12], 1e-9);
    }

    [Fact]
    public void Tables_and_functions_make_the_same_process()
    {
        double[,,] transitions = new double[2, 2, 2];
        transitions[0, 0, 0] = transitions[0, 0, 1] = 0.5;
        transitions[0, 1, 0] = 1;
        transitions[1, 0, 1] = transitions[1, 1, 1] = 1;
        var process = new MarkovDecisionProcess(transitions, new double[,] { { 2, 1 }, { 0, 0 } }, 0.5);
        Assert.True(process.IsTerminal(1));
        // v = 2 + 0.25·v against v = 1 + 0.5·v
        MdpSolution solution = process.PolicyIteration();
        Assert.Equal(8.0 / 3, solution.Values[0], 1e-12);
        Assert.Equal(0, solution.Actions[0]);
        Assert.Equal(2, process.Outcomes(0, 0).Count);
        Assert.Equal(2, process.ExpectedReward(0, 0));
    }

    [Fact]
    public void A_linear_system_needs_its_pivots()
    {
        // x + y = 3, 2z = 4, 3x = 3; without exchanged rows the second pivot is 0.
        double[] solution = LinearSystem.Solve(new double[,] { { 0, 0, 2 }, { 3, 0, 0 }, { 1, 1, 0 } }, [4, 3, 3]);
        Assert.Equal([1, 2, 2], solution);
        Assert.Throws<InvalidOperationException>(() => LinearSystem.Solve(new double[,] { { 1, 1 }, { 2, 2 } }, [1, 2]));
    }

    [Fact]
    public void What_is_no_process_is_refused_by_name()
    {
        Refuse("0.9; expected 1", new(0, 0.5, 0), new(1, 0.4, 0));
        Refuse("action 0 in state 0", new(0, 0.5, 0), new(1, 0.4, 0));
        Refuse("found none");
        Refuse("next state is 2; expected 0 to 1", new StateTransition(2, 1, 0));
        Refuse("expected a finite number", new StateTransition(0, 1, double.NaN));
        Refuse("-0.5", new(0, -0.5, 0), new(0, 1.5, 0));
        RefuseTables("[2, 1, 3]", new double[2, 1, 3], new double[2, 1]);
        RefuseTables("[1, 1]; expected [2, 1]", new double[2, 1, 2], new double[1, 1]);
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => new MarkovDecisionProcess(1, 1, 1.5, (_, _) => []));
        Assert.Contains("discount is 1.5", error.Message);

        static void Refuse(string text, params StateTransition[] outcomes) =>
            Assert.Contains(text, Assert.Throws<ArgumentException>(() => new MarkovDecisionProcess(2, 1, 0.5, (_, _) => outcomes)).Message);

        static void RefuseTables(string text, double[,,] transitions, double[,] rewards) =>
            Assert.Contains(text, Assert.Throws<ArgumentException>(() => new MarkovDecisionProcess(transitions, rewards, 0.5)).Message);
    }

    [Fact]
    public void What_is_no_policy_is_refused_by_name()
    {
        MarkovDecisionProcess process = Processes.LeftOrRight(0.5);
        Assert.Contains("[2, 2]; expected [3, 2]", Assert.Throws<ArgumentException>(() => process.Evaluate(new double[2, 2])).Message);
        double[,] twice = { { 1, 0 }, { 1, 1 }, { 1, 0 } };
        Assert.Contains("state 1", Assert.Throws<ArgumentException>(() => process.Evaluate(twice)).Message);
        Assert.Contains("2 values; expected 3", Assert.Throws<ArgumentException>(() => process.ActionValues([1, 2])).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => process.IsTerminal(3));
        Assert.Throws<ArgumentOutOfRangeException>(() => process.Outcomes(0, 2));
    }

    [Fact]
    public void Values_that_are_not_defined_are_refused()
    {
        // Without a discount, and for ever.
        MarkovDecisionProcess forever = Processes.LeftOrRight(1);
        Assert.Contains("state 0", Assert.Throws<InvalidOperationException>(() => forever.Evaluate(forever.UniformPolicy())).Message);
        Assert.Contains("200 sweeps", Assert.Throws<InvalidOperationException>(() => forever.ValueIteration(maxSweeps: 200)).Message);
        // A policy that runs into the wall of example 4.1.
        double[,] up = new double[16, 4];
        for (int state = 0; state < 16; state++)
            up[state, 0] = 1;
        Assert.Contains("state 1", Assert.Throws<InvalidOperationException>(() => Processes.Example41().Evaluate(up)).Message);
    }
}
