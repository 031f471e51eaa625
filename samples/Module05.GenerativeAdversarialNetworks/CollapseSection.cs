using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module05;

/// <summary>Mode collapse on digits: the GAN of 2014 with MLPs, and what stabilizers do, each alone.</summary>
internal static class CollapseSection
{
    /// <param name="Quality">How good its images are.</param>
    /// <param name="Diversity">The variance of its images in the second half of the training, relative to real ones.</param>
    public sealed record Line(Quality Quality, double Diversity);

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
        Lesson.Title("4. Mode collapse on digits");
        var variants = lesson.Quick ? [_variants[0], _variants[^1]] : _variants;
        List<Line> lines = [];
        List<float[]> shown = [];
        List<(string Name, (double X, double Y)[] Curve)> diversity = [];
        foreach (var (name, change) in variants)
        {
            var (model, history) = Train(lesson, name, change);
            using var owned = model;
            IDataView generated = model.Generate(lesson.GeneratedCount, new() { Seed = 1 });
            shown.AddRange(Lesson.Images(generated, count: 2 * Shown));
            lines.Add(new Line(lesson.Evaluate(name, generated), history.Skip(history.Count / 2).Average(p => p.LossTerms["diversity"])));
            diversity.Add((name, Curves.Term(history, "diversity")));
        }

        lesson.SaveImages("collapse.png", "the plain GAN and stabilized ones", shown, Shown, [.. variants.SelectMany(variant =>
            (string[])[variant.Name, ""])]);
        // Each beside the plain one: all in one chart hide each other.
        double highest = 1.05 * diversity.Max(variant => variant.Curve.Max(p => p.Y));
        Chart.SavePanels(
            lesson.Output.File("collapse-diversity.png", "diversity during training"),
            [
                .. diversity.Select((variant, i) =>
                {
                    Chart chart = new Chart(variant.Name, "step", "variance, relative to real images").Range(yLow: 0, yHigh: highest);
                    return (i == 0 ? chart : chart.Line("plain", diversity[0].Curve, color: 7)).Line(
                        i == 0 ? "plain" : "with it", variant.Curve, color: i == 0 ? 7 : 0);
                }),
            ],
            columns: Math.Min(4, diversity.Count), panelWidth: 480, panelHeight: 400);
        Quality.PrintHeader();
        foreach (Line line in lines)
            line.Quality.Print(Lesson.Classes);
        // What the text says of single runs, as it is in this one.
        foreach (Line line in lines)
        {
            var (label, count) = line.Quality.Predicted.CountBy(predicted => predicted).MaxBy(pair => pair.Value);
            Console.WriteLine(
                $"{line.Quality.Name}: the most frequent class is {lesson.ClassNames[label]}, "
                    + $"{count / (double)line.Quality.Predicted.Length:P1} of the images; "
                + $"the variance of a batch in the second half of the training is {line.Diversity:F2} of that of real images.");
        }

        Line best = lines.MaxBy(line => line.Quality.Metrics.Coverage)!;
        Console.WriteLine($"'{best.Quality.Name}' covers most test images, {best.Quality.Metrics.Coverage:P1}; the plain GAN covers "
            + $"{lines[0].Quality.Metrics.Coverage:P1}.");
        return lines;
    }

    private static (GanTransformer Model, IReadOnlyList<TrainingProgress> History) Train(
        Lesson lesson, string name, Action<GanOptions> change)
    {
        using var progress = new ConsoleProgress(name);
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
            Seed = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        };
        change(options);
        GanTransformer model = lesson.ML.Transforms.Generative().Gan(options).Fit(lesson.Train);
        return (model, progress.History);
    }
}
