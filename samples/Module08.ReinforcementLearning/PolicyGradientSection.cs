using Microsoft.ML.Generative.ReinforcementLearning;
using Samples.Shared;

namespace Module08;

/// <summary>The same grid world, whose probabilities the learner does not know: it only tries.</summary>
internal static class PolicyGradientSection
{
    public sealed record Line(string Name, double Value, double Deviation, double Noise);

    public sealed record Result(double Optimal, double Random, IReadOnlyList<Line> Lines);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("2. Policy gradients: learning by trying");
        MarkovDecisionProcess process = new GridWorld(slip: 0.2).Process;
        double optimal = process.PolicyIteration().Values[GridWorld.Start];
        double random = process.Evaluate(process.UniformPolicy())[GridWorld.Start];
        int episodes = lesson.Quick ? 300 : 3_000, seeds = lesson.Quick ? 3 : 20;

        (string Name, Func<PolicyGradientOptions, PolicyGradientResult> Train)[] methods =
        [
            ("REINFORCE", options => process.Reinforce(options, withBaseline: false)),
            ("REINFORCE with baseline", options => process.Reinforce(options)),
            ("actor-critic", options => process.ActorCritic(options)),
        ];
        var chart = new Chart("The exact value of the policy, mean and standard deviation of the seeds", "episodes", "value of the start");
        List<Line> lines = [];
        PolicyGradientResult? learned = null;
        foreach (var (index, (name, train)) in methods.Index())
        {
            List<(double Episode, double[] Values)> curve = [(0, [.. Enumerable.Repeat(random, seeds)])];
            for (int seed = 0; seed < seeds; seed++)
            {
                int point = 0;
                learned = train(new PolicyGradientOptions
                {
                    Episodes = episodes,
                    MaxStepsPerEpisode = 200,
                    LearningRate = 0.2,
                    ValueLearningRate = 0.2,
                    StartState = GridWorld.Start,
                    Seed = seed,
                    ReportInterval = episodes / 30,
                    Progress = new Reporter(report =>
                    {
                        if (++point == curve.Count)
                            curve.Add((report.Episode, new double[seeds]));
                        curve[point].Values[seed] = process.Evaluate(report.Policy)[GridWorld.Start];
                    }),
                    CancellationToken = lesson.Cancellation,
                });
            }

            (double Mean, double Deviation)[] moments = [.. curve.Select(point => Moments(point.Values))];
            chart.Line(name, [.. curve.Zip(moments, (point, moment) => (point.Episode, moment.Mean))], color: index);
            foreach (int sign in (int[])[-1, 1])
            {
                chart.Line(
                    null, [.. curve.Zip(moments, (point, moment) => (point.Episode, moment.Mean + sign * moment.Deviation))],
                    color: index, dashed: true);
            }

            lines.Add(new Line(name, moments[^1].Mean, moments[^1].Deviation, Moments(learned!.Returns.TakeLast(100).ToArray()).Deviation));
        }

        chart.Line("optimum", [(0, optimal), (episodes, optimal)], color: 7, dashed: true)
            .Save(lesson.Output.File("policy-gradient.png", "policy gradients approaching the exact solution"));
        GridWorld.Draw("Learned by actor-critic: exact values of its policy", process.Evaluate(learned!.Policy), learned.Policy)
            .Save(lesson.Output.File("learned-policy.png", "the policy that actor-critic learned"));
        Console.WriteLine($"From the start, the random policy is worth {random:F3} and the optimal one {optimal:F3}.");
        Console.WriteLine($"After {episodes:N0} episodes, {seeds} seeds:");
        foreach (Line line in lines)
            Console.WriteLine($"  {line.Name,-24} {line.Value:F3} ± {line.Deviation:F3}");
        return new Result(optimal, random, lines);
    }

    private static (double Mean, double Deviation) Moments(double[] values)
    {
        double mean = values.Average();
        return (mean, Math.Sqrt(values.Average(v => (v - mean) * (v - mean))));
    }

    private sealed class Reporter(Action<PolicyGradientProgress> report) : IProgress<PolicyGradientProgress>
    {
        public void Report(PolicyGradientProgress value) => report(value);
    }
}
