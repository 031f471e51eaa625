using Microsoft.ML.Generative.ReinforcementLearning;

namespace Microsoft.ML.Generative.Tests.ReinforcementLearning;

public sealed class PolicyGradientTests
{
    private static readonly double[] _rewards = [1, 4, 2];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_mean_update_of_REINFORCE_is_the_gradient_of_the_value(bool withBaseline)
    {
        // ∂v/∂θ[a] = π(a)·(r(a) − v) for a softmax.
        double[,] preferences = { { 0.5, -0.3, 0.1 }, { 0, 0, 0 } };
        double[] weights = [Math.Exp(0.5), Math.Exp(-0.3), Math.Exp(0.1)];
        double[] policy = [.. weights.Select(w => w / weights.Sum())];
        double value = policy.Zip(_rewards, (p, r) => p * r).Sum();
        const int Episodes = 4000;
        double[] mean = new double[3];
        MarkovDecisionProcess process = Processes.OneDecision(_rewards);
        for (int seed = 0; seed < Episodes; seed++)
        {
            PolicyGradientResult result = process.Reinforce(
                new PolicyGradientOptions { Episodes = 1, LearningRate = 1, InitialPreferences = preferences, Seed = seed }, withBaseline);
            for (int action = 0; action < 3; action++)
                mean[action] += (result.Preferences[0, action] - preferences[0, action]) / Episodes;
        }

        // Rewards up to 4: the standard error is below 0.03.
        for (int action = 0; action < 3; action++)
            Assert.Equal(policy[action] * (_rewards[action] - value), mean[action], 0.1);
    }

    [Fact]
    public void The_mean_update_over_several_steps_is_the_gradient_of_the_discounted_value()
    {
        // By differences of the exact value, from the first state of a corridor of three.
        MarkovDecisionProcess process = Corridor();
        double[,] preferences = { { 0.2, 0 }, { -0.4, 0.3 }, { 0, 0 } };
        const int Episodes = 6000;
        double[,] mean = new double[3, 2];
        for (int seed = 0; seed < Episodes; seed++)
        {
            PolicyGradientResult result = process.Reinforce(new PolicyGradientOptions
            {
                Episodes = 1,
                LearningRate = 1,
                StartState = 0,
                InitialPreferences = preferences,
                Seed = seed,
            });
            for (int i = 0; i < 6; i++)
                mean[i / 2, i % 2] += (result.Preferences[i / 2, i % 2] - preferences[i / 2, i % 2]) / Episodes;
        }

        for (int i = 0; i < 4; i++)
        {
            double[,] more = (double[,])preferences.Clone(), less = (double[,])preferences.Clone();
            more[i / 2, i % 2] += 1e-4;
            less[i / 2, i % 2] -= 1e-4;
            Assert.Equal((Value(more) - Value(less)) / 2e-4, mean[i / 2, i % 2], 0.02);
        }

        double Value(double[,] table) => process.Evaluate(new SoftmaxPolicy(table).Probabilities())[0];
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Both_methods_approach_the_exact_solution(bool isActorCritic)
    {
        MarkovDecisionProcess process = Processes.Example41();
        var options = new PolicyGradientOptions
        {
            Episodes = 6000,
            LearningRate = isActorCritic ? 0.1 : 0.02,
            ValueLearningRate = 0.2,
            Seed = 1,
        };
        PolicyGradientResult result = isActorCritic ? process.ActorCritic(options) : process.Reinforce(options);
        double[] values = process.Evaluate(result.Policy);
        IReadOnlyList<double> optimum = process.PolicyIteration().Values;
        // The random policy is 20 steps from the optimum's 3.
        for (int state = 0; state < 16; state++)
            Assert.Equal(optimum[state], values[state], 0.3);
        // The values it learned are those of its policy.
        for (int state = 0; state < 16; state++)
            Assert.Equal(values[state], result.Values[state], 0.8);
    }

    [Fact]
    public void The_critic_learns_the_values_of_a_policy_that_stays()
    {
        MarkovDecisionProcess process = Corridor();
        PolicyGradientResult result = process.ActorCritic(
            new PolicyGradientOptions { Episodes = 20_000, LearningRate = 1e-9, ValueLearningRate = 0.01, Seed = 3 });
        double[] values = process.Evaluate(process.UniformPolicy());
        Assert.Equal(values[0], result.Values[0], 0.03);
        Assert.Equal(values[1], result.Values[1], 0.03);
        Assert.Equal(0, result.Values[2]);
    }

    [Fact]
    public void The_same_seed_learns_the_same()
    {
        MarkovDecisionProcess process = Processes.Example41();
        var options = new PolicyGradientOptions { Episodes = 20, Seed = 5 };
        Assert.Equal(process.Reinforce(options).Returns, process.Reinforce(options).Returns);
        Assert.Equal(process.ActorCritic(options).Preferences, process.ActorCritic(options).Preferences);
        var other = new PolicyGradientOptions { Episodes = 20, Seed = 6 };
        Assert.NotEqual(process.Reinforce(options).Returns, process.Reinforce(other).Returns);
    }

    [Fact]
    public void Progress_reports_policies_and_cancellation_stops()
    {
        using var stop = new CancellationTokenSource();
        List<PolicyGradientProgress> reports = [];
        var options = new PolicyGradientOptions
        {
            Episodes = 10,
            ReportInterval = 4,
            Seed = 1,
            CancellationToken = stop.Token,
            Progress = new Reports<PolicyGradientProgress>(reports.Add),
        };
        PolicyGradientResult result = Processes.OneDecision(_rewards).Reinforce(options);
        Assert.Equal([4, 8], reports.Select(r => r.Episode));
        Assert.Equal(result.Returns.Skip(4).Take(4).Average(), reports[1].MeanReturn, 1e-12);
        Assert.Equal(1, reports[0].Policy[0, 0] + reports[0].Policy[0, 1] + reports[0].Policy[0, 2], 1e-12);
        stop.Cancel();
        Assert.Throws<OperationCanceledException>(() => Processes.OneDecision(_rewards).ActorCritic(options));
    }

    [Fact]
    public void An_endless_episode_is_cut_off()
    {
        MarkovDecisionProcess forever = Processes.LeftOrRight(0.9);
        PolicyGradientResult result = forever.ActorCritic(
            new PolicyGradientOptions { Episodes = 300, MaxStepsPerEpisode = 50, LearningRate = 0.3, Seed = 1 });
        Assert.True(result.Policy[0, 1] > 0.9, $"{result.Policy[0, 1]}");
    }

    [Fact]
    public void Options_out_of_range_are_refused_by_name()
    {
        MarkovDecisionProcess process = Processes.OneDecision(_rewards);
        Refuse("Episodes", new PolicyGradientOptions { Episodes = 0 });
        Refuse("LearningRate", new PolicyGradientOptions { LearningRate = 0 });
        Refuse("ValueLearningRate", new PolicyGradientOptions { ValueLearningRate = double.NaN });
        Refuse("MaxStepsPerEpisode", new PolicyGradientOptions { MaxStepsPerEpisode = 0 });
        Refuse("ReportInterval", new PolicyGradientOptions { ReportInterval = 0 });
        Refuse("StartState is 1", new PolicyGradientOptions { StartState = 1 });
        Refuse("StartState is 9", new PolicyGradientOptions { StartState = 9 });
        Refuse("InitialPreferences is [1, 1]; expected [2, 3]", new PolicyGradientOptions { InitialPreferences = new double[1, 1] });
        Refuse("finite", new PolicyGradientOptions { InitialPreferences = new[,] { { double.NaN, 0, 0 }, { 0, 0, 0 } } });
        var ends = new MarkovDecisionProcess(1, 1, 1, (_, _) => [new StateTransition(0, 1, 0)]);
        Assert.Contains("terminal", Assert.Throws<ArgumentException>(() => ends.Reinforce()).Message);

        void Refuse(string text, PolicyGradientOptions options) =>
            Assert.Contains(text, Assert.ThrowsAny<ArgumentException>(() => process.Reinforce(options)).Message);
    }

    // Left stays at the wall and pays 0.1, right goes on; the end pays 1. Each move slips with probability 0.1.
    private static MarkovDecisionProcess Corridor() => new(3, 2, 0.8, (state, action) =>
    {
        if (state == 2)
            return [new StateTransition(2, 1, 0)];
        int left = Math.Max(0, state - 1), right = state + 1;
        double toRight = action == 1 ? 0.9 : 0.1;
        return [new StateTransition(right, toRight, right == 2 ? 1 : 0), new StateTransition(left, 1 - toRight, 0.1)];
    });

    private sealed class Reports<T>(Action<T> report) : IProgress<T>
    {
        public void Report(T value) => report(value);
    }
}
