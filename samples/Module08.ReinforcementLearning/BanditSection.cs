using Microsoft.ML.Generative.ReinforcementLearning;
using Samples.Shared;

namespace Module08;

/// <summary>One state, several actions: exploring against using what is known.</summary>
internal static class BanditSection
{
    public sealed record Line(string Name, double Regret, double BestArm);

    public static IReadOnlyList<Line> Run(Lesson lesson)
    {
        Lesson.Title("3. Bandits: exploring and using");
        MultiArmedBandit bandit = MultiArmedBandit.Bernoulli(0.2, 0.3, 0.35, 0.45, 0.5);
        int rounds = lesson.Quick ? 500 : 10_000, seeds = lesson.Quick ? 5 : 100;
        (string Name, BanditOptions Options)[] players =
        [
            ("greedy", new() { Epsilon = 0 }),
            ("ε-greedy, ε = 0.1", new() { Epsilon = 0.1 }),
            ("UCB1", new() { Strategy = BanditStrategy.Ucb1 }),
            ("Thompson sampling", new() { Strategy = BanditStrategy.ThompsonSampling }),
        ];

        List<Line> lines = [];
        var chart = new Chart($"Regret, mean of {seeds} players", "round", "reward missed", logX: true);
        foreach ((string name, BanditOptions options) in players)
        {
            double[] regret = new double[rounds];
            double best = 0;
            for (int seed = 0; seed < seeds; seed++)
            {
                (options.Rounds, options.Seed) = (rounds, seed);
                BanditResult result = bandit.Play(options);
                for (int round = 0; round < rounds; round++)
                    regret[round] += result.Regret[round] / seeds;
                best += result.Pulls[^1] / (double)rounds / seeds;
            }

            int[] shown = [.. Enumerable.Range(0, 60).Select(i => (int)Math.Pow(rounds, (i + 1) / 60.0) - 1).Distinct()];
            chart.Line(name, [.. shown.Select(round => (round + 1.0, regret[round]))]);
            lines.Add(new Line(name, regret[^1], best));
            Console.WriteLine(
                $"{name,-18} missed {regret[^1],6:F1} of reward in {rounds:N0} rounds, and pulled the best arm in {best:P0} of them.");
        }

        chart.Save(lesson.Output.File("bandits.png", "the regret of four strategies"));
        return lines;
    }
}
