using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.ReinforcementLearning;

/// <summary>Chooses arms by the rewards that they have paid.</summary>
/// <param name="options">The strategy.</param>
/// <param name="arms">The number of arms.</param>
/// <param name="deviation">The standard deviation of normally distributed rewards; <see langword="null"/>: rewards are 1 or 0.</param>
internal sealed class BanditPlayer(BanditOptions options, int arms, double? deviation)
{
    private readonly int[] _pulls = new int[arms];
    private readonly double[] _sums = new double[arms];

    public int[] Pulls => _pulls;

    public double Mean(int arm) => _pulls[arm] == 0 ? 0 : _sums[arm] / _pulls[arm];

    public void Learn(int arm, double reward)
    {
        _pulls[arm]++;
        _sums[arm] += reward;
    }

    public int Choose(int round, ref RowRandom random)
    {
        switch (options.Strategy)
        {
            case BanditStrategy.Ucb1:
                return round < arms ? round : Best(arm => Mean(arm) + Math.Sqrt(options.Confidence * Math.Log(round) / _pulls[arm]));
            case BanditStrategy.ThompsonSampling:
                return ChooseByPosterior(round, ref random);
            default:
                // An arm that nobody has pulled is tried before means are compared.
                return round < arms ? round : random.NextDouble() < options.Epsilon ? random.Next(arms) : Best(Mean);
        }
    }

    // With a flat prior: Beta(1, 1) for probabilities, and for normal rewards one that needs a pull of each arm first.
    private int ChooseByPosterior(int round, ref RowRandom random)
    {
        if (deviation is not null && round < arms)
            return round;
        double[] samples = new double[arms];
        for (int arm = 0; arm < arms; arm++)
        {
            samples[arm] = deviation is { } known
                ? Mean(arm) + known / Math.Sqrt(_pulls[arm]) * random.NextNormal()
                : random.NextBeta(1 + _sums[arm], 1 + _pulls[arm] - _sums[arm]);
        }

        return Best(arm => samples[arm]);
    }

    private int Best(Func<int, double> score)
    {
        int best = 0;
        double highest = score(0);
        for (int arm = 1; arm < arms; arm++)
        {
            if (score(arm) is var value && value > highest)
                (best, highest) = (arm, value);
        }

        return best;
    }
}
