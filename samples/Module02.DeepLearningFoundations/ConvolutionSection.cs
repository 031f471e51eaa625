using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module02;

/// <summary>The library's convolutional classifier beside the MLP: on the test images, and on the same images shifted.</summary>
internal static class ConvolutionSection
{
    public sealed record Result(double Mlp, double Convolutional, IReadOnlyList<(int Shift, double Mlp, double Convolutional)> Shifted);

    private const int LargestShift = 4;

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("4. Convolutions: networks for images");
        var (model, history) = Train(lesson);
        using var owned = model;
        Charts.LossCurve(
            lesson.Output.File("convolution-loss.png", "the loss during training"), "Training of the convolutional network", history);

        MulticlassClassificationMetrics metrics = lesson.ML.MulticlassClassification.Evaluate(model.Transform(lesson.Test));
        double mlp = lesson.Trained.Accuracy(lesson.TestVectors, lesson.TestLabels);
        Console.WriteLine(
            $"Test accuracy: MLP {mlp:P1}, convolutional network {metrics.MicroAccuracy:P1} (loss {metrics.LogLoss:F3} nats).");
        Confusions(lesson, metrics.ConfusionMatrix);

        (int Shift, double Mlp, double Convolutional)[] shifted = [.. Enumerable.Range(0, LargestShift + 1).Select(shift =>
        {
            double[][] images = [.. lesson.TestVectors.Select(image => Shifted(image, shift))];
            return (shift, lesson.Trained.Accuracy(images, lesson.TestLabels), Accuracy(lesson, model, images));
        })];
        new Chart("Test images shifted to the right", "pixels", "accuracy, %")
            .Line("MLP", [.. shifted.Select(s => ((double)s.Shift, 100 * s.Mlp))])
            .Line("convolutional network", [.. shifted.Select(s => ((double)s.Shift, 100 * s.Convolutional))])
            .Range(yLow: 0, yHigh: 102)
            .Save(lesson.Output.File("convolution-shifts.png", "accuracy on shifted images"));
        foreach (var (shift, dense, convolutional) in shifted)
            Console.WriteLine($"Shifted by {shift} pixels: MLP {dense:P1}, convolutional network {convolutional:P1}.");
        return new Result(mlp, metrics.MicroAccuracy, shifted);
    }

    private static (ImageClassifierTransformer Model, IReadOnlyList<TrainingProgress> History) Train(Lesson lesson)
    {
        using var progress = new ConsoleProgress("convolutional classifier");
        ImageClassifierTransformer model = lesson.ML.Transforms.Generative().ImageClassifier(new ImageClassifierOptions
        {
            LabelColumnName = "Label",
            InputColumnName = "Image",
            BaseChannels = 8,
            BatchSize = 50,
            Epochs = lesson.Quick ? 3 : 4,
            // So that the numbers do not depend on the number of cores.
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(lesson.Train);
        return (model, progress.History);
    }

    private static void Confusions(Lesson lesson, ConfusionMatrix matrix)
    {
        const int count = Lesson.Classes;
        var errors = new double[count, count];
        for (int actual = 0; actual < count; actual++)
        {
            for (int predicted = 0; predicted < count; predicted++)
                errors[actual, predicted] = actual == predicted ? 0 : matrix.Counts[actual][predicted];
        }

        new Chart("Errors by class", "predicted class", "class").HeatMap(errors, "images", lesson.ClassNames, "0")
            .Save(lesson.Output.File("convolution-errors.png", "errors of the convolutional network"), 760, 640);
    }

    private static double[] Shifted(double[] image, int right)
    {
        var shifted = new double[image.Length];
        for (int row = 0; row < Lesson.Side; row++)
            image.AsSpan(row * Lesson.Side, Lesson.Side - right).CopyTo(shifted.AsSpan(row * Lesson.Side + right));
        return shifted;
    }

    private static double Accuracy(Lesson lesson, ImageClassifierTransformer model, double[][] images)
    {
        IDataView rows = lesson.ML.Data.LoadFromEnumerable(
            images.Select(image => new ImageRow { Image = Array.ConvertAll(image, pixel => (float)pixel) }).ToArray());
        return model.Transform(rows).GetColumn<uint>("PredictedLabel").Zip(lesson.TestLabels, (key, label) => key - 1 == label ? 1.0 : 0)
            .Average();
    }

    private sealed class ImageRow
    {
        [VectorType(1, Lesson.Side, Lesson.Side)]
        public float[] Image { get; set; } = [];
    }
}
