using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module05;

/// <summary>Adversarial training of convolutional networks, which generate digits.</summary>
internal static class DcganSection
{
    public sealed record Result(double ClassifierAccuracy, Quality Real, Quality Generated, IReadOnlyList<TrainingProgress> History);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("2. Digits");
        lesson.Classifier = TrainClassifier(lesson);
        double accuracy = lesson.ML.MulticlassClassification.Evaluate(lesson.Classifier.Transform(lesson.Test)).MicroAccuracy;
        Console.WriteLine($"The classifier has an accuracy of {accuracy:P1} on the test images; its "
            + $"{lesson.Classifier.FeatureSize} features describe images.");

        var (model, history) = TrainGenerator(lesson);
        lesson.Generator = model;
        IDataView images = model.Generate(lesson.GeneratedCount, new() { Seed = 1 });
        lesson.SaveImages("dcgan.png", "generated images, not selected", Lesson.Images(images, count: 60), 15);
        PlotTraining(lesson, history);

        Quality real = lesson.Evaluate("(training images)", lesson.ML.Data.TakeRows(lesson.Train, lesson.GeneratedCount), "Image");
        Quality generated = lesson.Evaluate("generated", images);
        Quality.PrintHeader();
        real.Print(Lesson.Classes);
        generated.Print(Lesson.Classes);

        double[] Percent(Quality quality) =>
            [.. Enumerable.Range(0, Lesson.Classes)
                .Select(label => 100.0 * quality.Predicted.Count(predicted => predicted == label) / quality.Predicted.Length)];
        new Chart("Classes of the generated images", "class, as the classifier predicts it", "share of the images, %")
            .Bars(lesson.ClassNames, ("real", Percent(real)), ("generated", Percent(generated))).LegendOutside()
            .Save(lesson.Output.File("dcgan-classes.png", "classes of the generated images"));
        return new Result(accuracy, real, generated, history);
    }

    private static (GanTransformer Model, IReadOnlyList<TrainingProgress> History) TrainGenerator(Lesson lesson)
    {
        using var progress = new ConsoleProgress("digits");
        long steps = lesson.Quick ? 400 : 1_000;
        GanTransformer model = lesson.ML.Transforms.Generative().Gan(new GanOptions
        {
            InputColumnName = "Image",
            LatentSize = 64,
            // Convolutional networks learn these images in a minute or two; MLPs generate worse ones, but train in seconds.
            Network = lesson.Quick ? GanNetworkKind.Mlp : GanNetworkKind.Dcgan,
            // 64 is the default; MLPs have none.
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
            // So that the numbers do not depend on the number of cores.
            Threads = 1,
            Seed = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(lesson.Train);
        return (model, progress.History);
    }

    private static ImageClassifierTransformer TrainClassifier(Lesson lesson)
    {
        using var progress = new ConsoleProgress("classifier");
        return lesson.ML.Transforms.Generative().ImageClassifier(new ImageClassifierOptions
        {
            LabelColumnName = "Label",
            InputColumnName = "Image",
            BaseChannels = 8,
            BatchSize = 50,
            Epochs = lesson.Quick ? 3 : 4,
            Threads = 1,
            Seed = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(lesson.Train);
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
