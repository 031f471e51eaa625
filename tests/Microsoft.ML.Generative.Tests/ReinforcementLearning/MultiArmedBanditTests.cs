using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.ReinforcementLearning;

namespace Microsoft.ML.Generative.Tests.ReinforcementLearning;

public sealed class MultiArmedBanditTests
{
    private static readonly double[] _arms = [0.3, 0.5, 0.7];

    [Fact]
    public void The_regret_of_UCB1_is_within_its_bound_and_grows_like_a_logarithm()
    {
        // Auer, Cesa-Bianchi, Fischer 2002, theorem 1.
        double[] gaps = [0.4, 0.2];
        double At(int rounds) => MeanRegret(new BanditOptions { Strategy = BanditStrategy.Ucb1, Rounds = rounds }, 20);
        double early = At(500), late = At(5000);
        Assert.True(late <= gaps.Sum(g => 8 * Math.Log(5000) / g) + (1 + Math.PI * Math.PI / 3) * gaps.Sum(), $"{late}");
        // Ten times the rounds: ten times a linear regret, but ln 5000 / ln 500 = 1.37 times a logarithmic one.
        Assert.InRange(late / early, 1, 3);
    }

    [Fact]
    public void Epsilon_greedy_pays_for_ever_what_its_exploration_costs()
    {
        // ε times the mean gap in each round, once the best arm is found.
        BanditOptions Options(int rounds) => new() { Strategy = BanditStrategy.EpsilonGreedy, Epsilon = 0.3, Rounds = rounds };
        double slope = (MeanRegret(Options(8000), 10) - MeanRegret(Options(4000), 10)) / 4000;
        Assert.Equal(0.3 * (0.4 + 0.2 + 0) / 3, slope, 0.01);
    }

    [Fact]
    public void Thompson_sampling_does_better_than_UCB1_and_random_play()
    {
        double thompson = MeanRegret(new BanditOptions { Strategy = BanditStrategy.ThompsonSampling, Rounds = 3000 }, 20);
        double ucb = MeanRegret(new BanditOptions { Strategy = BanditStrategy.Ucb1, Rounds = 3000 }, 20);
        double random = MeanRegret(new BanditOptions { Epsilon = 1, Rounds = 3000 }, 5);
        Assert.InRange(random, 570, 630);
        Assert.True(thompson < ucb && ucb < random / 2, $"{thompson} {ucb} {random}");
    }

    [Theory]
    [InlineData(BanditStrategy.EpsilonGreedy)]
    [InlineData(BanditStrategy.Ucb1)]
    [InlineData(BanditStrategy.ThompsonSampling)]
    public void The_best_of_normal_arms_is_found(BanditStrategy strategy)
    {
        BanditResult result = MultiArmedBandit.Gaussian([0, 1, -1, 0.5])
            .Play(new BanditOptions { Strategy = strategy, Rounds = 3000, Seed = 2 });
        Assert.Equal(1, result.Pulls.Select((pulls, arm) => (pulls, arm)).Max().arm);
        Assert.Equal(1, result.Means[1], 0.1);
        Assert.Equal(3000, result.Pulls.Sum());
        Assert.Equal(result.Arms.Count(arm => arm == 2), result.Pulls[2]);
        Assert.Equal(result.Arms.Sum(arm => 1 - new[] { 0, 1, -1, 0.5 }[arm]), result.Regret[^1], 1e-9);
    }

    [Fact]
    public void The_same_seed_plays_the_same()
    {
        MultiArmedBandit bandit = MultiArmedBandit.Bernoulli(_arms);
        var options = new BanditOptions { Strategy = BanditStrategy.ThompsonSampling, Rounds = 50, Seed = 4 };
        Assert.Equal(bandit.Play(options).Rewards, bandit.Play(options).Rewards);
        Assert.All(bandit.Play(options).Rewards, reward => Assert.True(reward is 0 or 1));
    }

    [Fact]
    public void Random_numbers_have_the_moments_of_their_distributions()
    {
        var random = new RowRandom(1, 0);
        const int Count = 40_000;
        double[] normal = new double[Count], gamma = new double[Count], beta = new double[Count];
        for (int i = 0; i < Count; i++)
            (normal[i], gamma[i], beta[i]) = (random.NextNormal(), random.NextGamma(2.5), random.NextBeta(2, 3));
        Check(normal, 0, 1);
        Check(gamma, 2.5, 2.5);
        Check(beta, 0.4, 0.04);

        static void Check(double[] values, double mean, double variance)
        {
            double average = values.Average();
            Assert.Equal(mean, average, 5 * Math.Sqrt(variance / Count));
            Assert.Equal(variance, values.Sum(v => (v - average) * (v - average)) / Count, 0.05 * variance);
        }
    }

    [Fact]
    public void What_is_no_bandit_is_refused_by_name()
    {
        Assert.Contains("no arm", Assert.Throws<ArgumentException>(() => MultiArmedBandit.Bernoulli()).Message);
        Assert.Contains("probability of arm 1", Assert.ThrowsAny<ArgumentException>(() => MultiArmedBandit.Bernoulli(0.5, 1.5)).Message);
        Assert.Contains("mean of arm 0", Assert.Throws<ArgumentException>(() => MultiArmedBandit.Gaussian([double.NaN])).Message);
        Assert.Contains("standardDeviation", Assert.ThrowsAny<ArgumentException>(() => MultiArmedBandit.Gaussian([1], 0)).Message);
        MultiArmedBandit bandit = MultiArmedBandit.Bernoulli(0.5);
        Refuse("Rounds is 0", new BanditOptions { Rounds = 0 });
        Refuse("Epsilon is 1.1", new BanditOptions { Epsilon = 1.1 });
        Refuse("Confidence is 0", new BanditOptions { Confidence = 0 });
        Refuse("Strategy is 9", new BanditOptions { Strategy = (BanditStrategy)9 });

        void Refuse(string text, BanditOptions options) =>
            Assert.Contains(text, Assert.ThrowsAny<ArgumentException>(() => bandit.Play(options)).Message);
    }

    private static double MeanRegret(BanditOptions options, int seeds)
    {
        MultiArmedBandit bandit = MultiArmedBandit.Bernoulli(_arms);
        double sum = 0;
        for (int seed = 0; seed < seeds; seed++)
        {
            options.Seed = seed;
            sum += bandit.Play(options).Regret[^1];
        }

        return sum / seeds;
    }
}
