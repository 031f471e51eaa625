using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module05;

/// <summary>Mode collapse on digits: the GAN of 2014 with MLPs, and what stabilizers do, each alone.</summary>
internal static class CollapseSection
{
    /// <param name="Name">What was changed.</param>
    /// <param name="Runs">A training for each seed.</param>
    public sealed record Line(string Name, IReadOnlyList<Outcome> Runs);

    /// <param name="Quality">How good the images are.</param>
    /// <param name="Diversity">The variance of a batch in the second half of the training, relative to real images.</param>
    public sealed record Outcome(Quality Quality, double Diversity)
    {
        /// <summary>The share of the class that the classifier predicts most often; a tenth if ten are equally frequent.</summary>
        public double MostFrequent => Quality.Predicted.CountBy(label => label).Max(pair => pair.Value) / (double)Quality.Predicted.Length;
    }

    private const int Shown = 15;

    private static readonly (string Name, Action<GanOptions> Change)[] _variants =
    [
        ("plain", _ => { }),
        ("minibatch standard deviation", options => options.MinibatchStandardDeviation = true),
        ("spectral normalization", options => options.DiscriminatorNormalization = GanNormalization.Spectral),
        ("R1", options => options.R1Weight = 1),
        ("augmentation", options => options.Augmentation = GanAugmentations.Translation | GanAugmentations.Cutout),
        ("less momentum", options => options.Beta1 = 0.5),
        ("less momentum, R1", options => (options.Beta1, options.R1Weight) = (0.5, 1)),
        ("less momentum, R1, 2 D steps", options => (options.Beta1, options.R1Weight, options.DiscriminatorSteps) = (0.5, 1, 2)),
    ];

    public static IReadOnlyList<Line> Run(Lesson lesson)
    {
        Lesson.Title("5. Mode collapse on digits");
        var variants = lesson.Quick ? [_variants[0], _variants[^1]] : _variants;
        // As on the ring: what holds for one seed only says nothing.
        int[] seeds = lesson.Quick ? [1] : [1, 2, 3];
        List<Line> lines = [];
        List<float[]> shown = [];
        List<(string Name, (double X, double Y)[] Curve)> diversity = [];
        foreach (var (name, change) in variants)
        {
            List<Outcome> runs = [];
            foreach (int seed in seeds)
            {
                var (model, history) = Train(lesson, name, change, seed);
                using var owned = model;
                IDataView generated = model.Generate(lesson.GeneratedCount, new() { Seed = 1 });
                double variance = history.Skip(history.Count / 2).Average(p => p.LossTerms["diversity"]);
                runs.Add(new Outcome(lesson.Evaluate($"{name}, seed {seed}", generated), variance));
                if (seed != seeds[0])
                    continue;
                shown.AddRange(Lesson.Images(generated, count: 2 * Shown));
                diversity.Add((name, Curves.Term(history, "diversity")));
            }

            lines.Add(new Line(name, runs));
        }

        lesson.SaveImages("collapse.png", "the plain GAN and stabilized ones, first seed", shown, Shown, [.. variants.SelectMany(variant =>
            (string[])[variant.Name, ""])]);
        // Each beside the plain one: all in one chart hide each other.
        double highest = 1.05 * diversity.Max(variant => variant.Curve.Max(p => p.Y));
        Chart.SavePanels(
            lesson.Output.File("collapse-diversity.png", "diversity during training, first seed"),
            [
                .. diversity.Select((variant, i) =>
                {
                    Chart chart = new Chart(variant.Name, "step", "variance, relative to real images").Range(yLow: 0, yHigh: highest);
                    return (i == 0 ? chart : chart.Line("plain", diversity[0].Curve, color: 7)).Line(
                        i == 0 ? "plain" : "with it", variant.Curve, color: i == 0 ? 7 : 0);
                }),
            ],
            columns: Math.Min(4, diversity.Count), panelWidth: 480, panelHeight: 400);
        Print(lines);
        return lines;
    }

    // The lowest and the highest value of all seeds.
    private static void Print(List<Line> lines)
    {
        Console.WriteLine($"{"",-28} {"Fréchet",-15} {"precision",-15} {"recall",-15} {"coverage",-15} {"rarest class",-15} "
            + $"{"most frequent",-15} variance");
        foreach (Line line in lines)
        {
            Console.WriteLine(
                $"{line.Name,-28} {Spread(run => run.Quality.Metrics.FrechetDistance, "F2"),-15} "
                + $"{Percent(run => run.Quality.Metrics.Precision),-15} {Percent(run => run.Quality.Metrics.Recall),-15} "
                + $"{Percent(run => run.Quality.Metrics.Coverage),-15} {Percent(run => run.Quality.RarestClass(Lesson.Classes)),-15} "
                + $"{Percent(run => run.MostFrequent),-15} {Spread(run => run.Diversity, "F2")}");

            string Percent(Func<Outcome, double> value) => $"{Spread(run => 100 * value(run), "F1")} %";

            string Spread(Func<Outcome, double> value, string format)
            {
                string[] ends = [line.Runs.Min(value).ToString(format), line.Runs.Max(value).ToString(format)];
                return string.Join("–", ends.Distinct());
            }
        }

        Line best = lines.MaxBy(line => line.Runs.Min(run => run.Quality.Metrics.Coverage))!;
        Console.WriteLine($"The training that covers most test images, also with its worst seed: '{best.Name}'.");
    }

    private static (GanTransformer Model, IReadOnlyList<TrainingProgress> History) Train(
        Lesson lesson, string name, Action<GanOptions> change, int seed)
    {
        using var progress = new ConsoleProgress($"{name}, seed {seed}");
        var options = new GanOptions
        {
            InputColumnName = "Image",
            Network = GanNetworkKind.Mlp,
            HiddenSizes = lesson.Quick ? [128, 128] : [256, 256],
            LatentSize = 64,
            DiscriminatorNormalization = GanNormalization.None,
            BatchSize = lesson.Quick ? 32 : 64,
            MaxSteps = lesson.Quick ? 400 : 1_500,
            LearningRate = 1e-3,
            Beta1 = 0.9,
            EmaDecay = 0.99,
            Threads = 1,
            Seed = seed,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        };
        change(options);
        GanTransformer model = lesson.ML.Transforms.Generative().Gan(options).Fit(lesson.Train);
        return (model, progress.History);
    }
}
