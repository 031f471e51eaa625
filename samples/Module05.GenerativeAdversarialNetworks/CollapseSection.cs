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
        var diversity = new Chart("Diversity of the images of a batch", "step", "variance, relative to real images");
        foreach (var (name, change) in variants)
        {
            var (model, history) = Train(lesson, name, change);
            using var owned = model;
            IDataView generated = model.Generate(lesson.GeneratedCount, new() { Seed = 1 });
            shown.AddRange(Lesson.Images(generated, count: 2 * Shown));
            lines.Add(new Line(lesson.Evaluate(name, generated), history.Skip(history.Count / 2).Average(p => p.LossTerms["diversity"])));
            diversity.Line(name, Curves.Term(history, "diversity"));
        }

        lesson.SaveImages("collapse.png", "the plain GAN and stabilized ones", shown, Shown, [.. variants.SelectMany(variant => (string[])[variant.Name, ""])]);
        diversity.Range(yLow: 0).Legend(outside: true).Save(lesson.Output.File("collapse-diversity.png", "diversity during training"), 1_100);
        Quality.PrintHeader();
        foreach (Line line in lines)
            line.Quality.Print(Lesson.Classes);
        return lines;
    }

    private static (GanTransformer Model, IReadOnlyList<TrainingProgress> History) Train(Lesson lesson, string name, Action<GanOptions> change)
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
