using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module05;

/// <summary>A generator that is conditioned on the class.</summary>
internal static class ConditionalSection
{
    /// <param name="ClassAccuracy">The share of images that the classifier assigns to the requested class.</param>
    /// <param name="ByClass">The same for each class.</param>
    /// <param name="Generated">How good they are.</param>
    public sealed record Result(double ClassAccuracy, IReadOnlyList<double> ByClass, Quality Generated);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("5. Conditional generation");
        using GanTransformer model = Train(lesson);

        const int rows = 5;
        lesson.SaveImages(
            "conditional.png", "one z per row, one class per column",
            Enumerable.Range(0, rows)
                .SelectMany(seed => Enumerable.Range(0, Lesson.Classes).Select(label => model.Decode(model.SampleLatent(seed), label))),
            Lesson.Classes, columnCaptions: lesson.ClassNames);

        int[] labels = [.. Enumerable.Range(0, lesson.GeneratedCount).Select(i => i % Lesson.Classes)];
        IDataView generated = model.Generate(lesson.GeneratedCount, new() { Seed = 1, Labels = labels });
        Quality quality = lesson.Evaluate("conditional", generated);
        double[] byClass = [.. Enumerable.Range(0, Lesson.Classes)
            .Select(label => Accuracy(Enumerable.Range(0, labels.Length).Where(i => labels[i] == label)))];
        double accuracy = Accuracy(Enumerable.Range(0, labels.Length));

        Quality.PrintHeader();
        quality.Print(Lesson.Classes);
        Console.WriteLine($"The classifier predicts the requested class for {accuracy:P1} of {labels.Length:N0} images: "
            + $"{string.Join(", ", byClass.Select((share, label) => $"{lesson.ClassNames[label]} {share:P1}"))}.");
        return new Result(accuracy, byClass, quality);

        double Accuracy(IEnumerable<int> indices) => indices.Average(i => quality.Predicted[i] == labels[i] ? 1.0 : 0);
    }

    // As in DcganSection, and with a label column.
    private static GanTransformer Train(Lesson lesson)
    {
        using var progress = new ConsoleProgress("conditional");
        return lesson.ML.Transforms.Generative().Gan(new GanOptions
        {
            InputColumnName = "Image",
            LabelColumnName = "Label",
            LatentSize = 64,
            Network = lesson.Quick ? GanNetworkKind.Mlp : GanNetworkKind.Dcgan,
            // 64 is the default; MLPs have none.
            BaseChannels = lesson.Quick ? 64 : 24,
            BatchSize = lesson.Quick ? 32 : 64,
            MaxSteps = lesson.Quick ? 400 : 1_000,
            LearningRate = 1e-3,
            DiscriminatorLearningRate = 4e-3,
            DiscriminatorSteps = 2,
            DiscriminatorNormalization = GanNormalization.None,
            R1Weight = 0.1,
            EmaDecay = 0.99,
            Threads = 1,
            Seed = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(lesson.Train);
    }
}
