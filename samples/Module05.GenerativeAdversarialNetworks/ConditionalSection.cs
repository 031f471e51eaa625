using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module05;

/// <summary>Adversarial training of convolutional networks, which generate digits of requested classes.</summary>
internal static class ConditionalSection
{
    /// <param name="ClassifierAccuracy">The accuracy of the classifier on real images.</param>
    /// <param name="ClassAccuracy">The share of images that the classifier assigns to the requested class.</param>
    /// <param name="ByClass">The same for each class.</param>
    /// <param name="Generated">How good they are.</param>
    /// <param name="Real">The same for real images.</param>
    public sealed record Result(
        double ClassifierAccuracy, double ClassAccuracy, IReadOnlyList<double> ByClass, Quality Generated, Quality Real);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("2. Digits");
        lesson.Classifier = TrainClassifier(lesson);
        double classifierAccuracy = lesson.ML.MulticlassClassification.Evaluate(lesson.Classifier.Transform(lesson.Test)).MicroAccuracy;
        Console.WriteLine($"The classifier has an accuracy of {classifierAccuracy:P1} on the test images; its "
            + $"{lesson.Classifier.FeatureSize} features describe images.");
        using GanTransformer model = Train(lesson);

        const int rows = 5;
        lesson.SaveImages(
            "conditional.png", "one z per row, one class per column",
            Enumerable.Range(0, rows)
                .SelectMany(seed => Enumerable.Range(0, Lesson.Classes).Select(label => model.Decode(model.SampleLatent(seed), label))),
            Lesson.Classes, columnCaptions: lesson.ClassNames);

        int[] labels = [.. Enumerable.Range(0, lesson.GeneratedCount).Select(i => i % Lesson.Classes)];
        IDataView generated = model.Generate(lesson.GeneratedCount, new() { Seed = 1, Labels = labels });
        Quality real = lesson.Evaluate("(training images)", lesson.ML.Data.TakeRows(lesson.Train, lesson.GeneratedCount), "Image");
        Quality quality = lesson.Evaluate("with classes", generated);
        double[] byClass = [.. Enumerable.Range(0, Lesson.Classes)
            .Select(label => Accuracy(Enumerable.Range(0, labels.Length).Where(i => labels[i] == label)))];
        double accuracy = Accuracy(Enumerable.Range(0, labels.Length));

        Quality.PrintHeader();
        real.Print(Lesson.Classes);
        quality.Print(Lesson.Classes);
        Console.WriteLine($"The classifier predicts the requested class for {accuracy:P1} of {labels.Length:N0} images: "
            + $"{string.Join(", ", byClass.Select((share, label) => $"{lesson.ClassNames[label]} {share:P1}"))}.");
        return new Result(classifierAccuracy, accuracy, byClass, quality, real);

        double Accuracy(IEnumerable<int> indices) => indices.Average(i => quality.Predicted[i] == labels[i] ? 1.0 : 0);
    }

    private static GanTransformer Train(Lesson lesson)
    {
        using var progress = new ConsoleProgress("with classes");
        return lesson.ML.Transforms.Generative().Gan(new GanOptions
        {
            InputColumnName = "Image",
            LabelColumnName = "Label",
            LatentSize = 64,
            // Convolutional networks learn these images in a minute or two; MLPs generate worse ones, but train in seconds.
            Network = lesson.Quick ? GanNetworkKind.Mlp : GanNetworkKind.Dcgan,
            // 64 is the default; MLPs have none.
            BaseChannels = lesson.Quick ? 64 : 24,
            BatchSize = lesson.Quick ? 32 : 64,
            MaxSteps = lesson.Quick ? 800 : 1_000,
            LearningRate = 1e-3,
            DiscriminatorLearningRate = 4e-3,
            DiscriminatorSteps = 2,
            DiscriminatorNormalization = GanNormalization.None,
            R1Weight = 0.1,
            EmaDecay = 0.99,
            // So that the numbers do not depend on the number of cores.
            Threads = 1,
            Seed = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(lesson.Train);
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
}
