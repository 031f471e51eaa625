using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module05;

/// <summary>The same networks without classes: harder, and what the reports of a training show.</summary>
internal static class DcganSection
{
    public sealed record Result(Quality Generated, IReadOnlyList<TrainingProgress> History);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("3. Without classes");
        var (model, history) = TrainGenerator(lesson);
        lesson.Generator = model;
        IDataView images = model.Generate(lesson.GeneratedCount, new() { Seed = 1 });
        lesson.SaveImages("dcgan.png", "generated images, not selected", Lesson.Images(images, count: 60), 15);
        PlotTraining(lesson, history);

        Quality generated = lesson.Evaluate("without classes", images);
        Quality.PrintHeader();
        generated.Print(Lesson.Classes);

        double[] Percent(int[] labels) =>
            [.. Enumerable.Range(0, Lesson.Classes).Select(label => 100.0 * labels.Count(other => other == label) / labels.Length)];
        new Chart("Classes of the generated images", "class, as the classifier predicts it", "share of the images, %")
            .Bars(lesson.ClassNames, ("real", Percent(lesson.Classify(lesson.Test, "Image"))), ("generated", Percent(generated.Predicted)))
            .LegendOutside()
            .Save(lesson.Output.File("dcgan-classes.png", "classes of the generated images"));
        return new Result(generated, history);
    }

    // As in ConditionalSection, and without a label column.
    private static (GanTransformer Model, IReadOnlyList<TrainingProgress> History) TrainGenerator(Lesson lesson)
    {
        using var progress = new ConsoleProgress("without classes");
        long steps = lesson.Quick ? 400 : 1_000;
        GanTransformer model = lesson.ML.Transforms.Generative().Gan(new GanOptions
        {
            InputColumnName = "Image",
            LatentSize = 64,
            Network = lesson.Quick ? GanNetworkKind.Mlp : GanNetworkKind.Dcgan,
            BaseChannels = lesson.Quick ? 64 : 24,
            BatchSize = lesson.Quick ? 32 : 64,
            MaxSteps = steps,
            LearningRate = 1e-3,
            DiscriminatorLearningRate = 4e-3,
            DiscriminatorSteps = 2,
            DiscriminatorNormalization = GanNormalization.None,
            R1Weight = 0.1,
            EmaDecay = 0.99,
            SampleDirectory = lesson.Output.File("while-training", "images generated during training, always from the same z"),
            SampleInterval = steps / 5,
            Threads = 1,
            Seed = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(lesson.Train);
        return (model, progress.History);
    }

    private static void PlotTraining(Lesson lesson, IReadOnlyList<TrainingProgress> history)
    {
        (double X, double Y)[] Term(string name) => Curves.Term(history, name);
        Chart.SavePanels(lesson.Output.File("dcgan-health.png", "reports during training"),
        [
            new Chart("Losses", "step", "nats")
                .Line("discriminator", Curves.Smooth([.. history.Select(p => ((double)p.Step, p.RecentLoss))]))
                .Line("generator", Term("generator")),
            new Chart("Accuracy of the discriminator", "step", "share").Line("on real images", Term("accuracy on real"))
                .Line("on generated images", Term("accuracy on generated"))
                .Range(yLow: 0, yHigh: 1.02),
            new Chart("Diversity of generated images", "step", "variance, relative to real images").Line(null, Term("diversity"))
                .Range(yLow: 0),
            new Chart("Gradients", "step", "norm of the gradient", logY: true)
                .Line("discriminator", Term("gradient of discriminator")).Line("generator", Term("gradient of generator")),
        ]);
    }
}
