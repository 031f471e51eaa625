using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.ReinforcementLearning;

/// <summary>
/// A multi-armed bandit: each arm pays random rewards around a mean that the player does not know (Sutton, Barto, "Reinforcement
/// learning", 2018, chapter 2). Whoever explores too little misses the best arm; whoever explores too much does not use it.
/// </summary>
/// <example>
/// <code>
/// using Microsoft.ML.Generative.ReinforcementLearning;
///
/// MultiArmedBandit bandit = MultiArmedBandit.Bernoulli(0.2, 0.5, 0.6);
/// BanditResult result = bandit.Play(new BanditOptions { Strategy = BanditStrategy.Ucb1, Rounds = 2000, Seed = 1 });
/// Console.WriteLine($"{result.Regret[^1]:F1} after pulls {string.Join(", ", result.Pulls)}");
/// </code>
/// </example>
public sealed class MultiArmedBandit
{
    private readonly double[] _means;
    private readonly double? _deviation;

    private MultiArmedBandit(double[] means, double? deviation) => (_means, _deviation) = (means, deviation);

    /// <summary>The mean reward of each arm.</summary>
    public IReadOnlyList<double> Means => _means;

    /// <summary>Creates a bandit whose arms pay 1 or 0.</summary>
    /// <param name="probabilities">The probability of 1 for each arm, 0 to 1; at least one.</param>
    /// <exception cref="ArgumentException">There is no arm, or a probability is out of its range.</exception>
    public static MultiArmedBandit Bernoulli(params double[] probabilities)
    {
        Check(probabilities, nameof(probabilities));
        for (int arm = 0; arm < probabilities.Length; arm++)
            OptionChecks.Between(probabilities[arm], 0, 1, $"probability of arm {arm}");
        return new MultiArmedBandit([.. probabilities], deviation: null);
    }

    /// <summary>Creates a bandit whose arms pay normally distributed rewards.</summary>
    /// <param name="means">The mean of each arm; at least one.</param>
    /// <param name="standardDeviation">That of all arms, above 0; Thompson sampling knows it.</param>
    /// <exception cref="ArgumentException">There is no arm, or a number is out of its range.</exception>
    public static MultiArmedBandit Gaussian(double[] means, double standardDeviation = 1)
    {
        Check(means, nameof(means));
        for (int arm = 0; arm < means.Length; arm++)
        {
            if (!double.IsFinite(means[arm]))
                throw new ArgumentException($"The mean of arm {arm} is {means[arm]}; expected a finite number.", nameof(means));
        }

        OptionChecks.Positive(standardDeviation);
        return new MultiArmedBandit([.. means], standardDeviation);
    }

    /// <summary>Plays rounds, each with the arm that a strategy chooses by the rewards so far.</summary>
    /// <param name="options">Strategy, rounds, seed. Default: those of new options.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public BanditResult Play(BanditOptions? options = null)
    {
        options ??= new BanditOptions();
        options.Validate();
        var random = new RowRandom(options.Seed ?? Random.Shared.Next(), 0);
        var player = new BanditPlayer(options, _means.Length, _deviation);
        int[] arms = new int[options.Rounds];
        double[] rewards = new double[options.Rounds], regret = new double[options.Rounds];
        double best = _means.Max(), sum = 0;
        for (int round = 0; round < arms.Length; round++)
        {
            int arm = player.Choose(round, ref random);
            double reward = _deviation is { } deviation
                ? _means[arm] + deviation * random.NextNormal()
                : random.NextDouble() < _means[arm] ? 1 : 0;
            player.Learn(arm, reward);
            (arms[round], rewards[round], regret[round]) = (arm, reward, sum += best - _means[arm]);
        }

        return new BanditResult
        {
            Arms = arms,
            Rewards = rewards,
            Regret = regret,
            Pulls = player.Pulls,
            Means = [.. Enumerable.Range(0, _means.Length).Select(player.Mean)],
        };
    }

    private static void Check(double[] values, string name)
    {
        ArgumentNullException.ThrowIfNull(values, name);
        if (values.Length == 0)
            throw new ArgumentException("There is no arm; expected at least one.", name);
    }
}
