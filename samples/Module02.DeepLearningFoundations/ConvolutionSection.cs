using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module02;

/// <summary>The library's convolutional classifier beside the perceptron: on the test images, and on the same moved a little.</summary>
internal static class ConvolutionSection
{
    public sealed record Result(double Perceptron, double Convolutional, IReadOnlyList<(int Shift, double Perceptron, double Convolutional)> Shifted);

    private const int LargestShift = 4;

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("4. Convolutions: networks for images");
        var options = new ImageClassifierOptions { LabelColumnName = "Label", InputColumnName = "Image", BaseChannels = 8, BatchSize = 50, Epochs = lesson.Quick ? 3 : 4 };
        var (model, history) = lesson.Fit("convolutional classifier", options, lesson.Train);
        using var owned = model;
        Charts.LossCurve(lesson.Output.File("convolution-loss.png", "the loss of the convolutional network"), "The convolutional network learns", history);

        MulticlassClassificationMetrics metrics = lesson.ML.MulticlassClassification.Evaluate(model.Transform(lesson.Test));
        double perceptron = lesson.Trained.Accuracy(lesson.TestImages, lesson.TestLabels);
        Console.WriteLine($"Test accuracy: perceptron {perceptron:P1}, convolutional network {metrics.MicroAccuracy:P1} (loss {metrics.LogLoss:F3} nats).");
        Confusions(lesson, metrics.ConfusionMatrix);

        (int Shift, double Perceptron, double Convolutional)[] shifted = [.. Enumerable.Range(0, LargestShift + 1).Select(shift =>
        {
            double[][] moved = [.. lesson.TestImages.Select(image => Moved(image, shift))];
            return (shift, lesson.Trained.Accuracy(moved, lesson.TestLabels), Accuracy(lesson, model, moved));
        })];
        new Chart("Test images moved to the right", "pixels", "named rightly, %")
            .Line("perceptron", [.. shifted.Select(s => ((double)s.Shift, 100 * s.Perceptron))])
            .Line("convolutional network", [.. shifted.Select(s => ((double)s.Shift, 100 * s.Convolutional))])
            .Legend(left: true, bottom: true)
            .Range(yLow: 0, yHigh: 102)
            .Save(lesson.Output.File("convolution-shifts.png", "accuracy on moved images"));
        foreach (var (shift, dense, convolutional) in shifted)
            Console.WriteLine($"Moved by {shift} pixels: perceptron {dense:P1}, convolutional network {convolutional:P1}.");
        return new Result(perceptron, metrics.MicroAccuracy, shifted);
    }

    private static void Confusions(Lesson lesson, ConfusionMatrix matrix)
    {
        int count = lesson.ClassNames.Length;
        var mistakes = new double[count, count];
        for (int actual = 0; actual < count; actual++)
        {
            for (int predicted = 0; predicted < count; predicted++)
                mistakes[actual, predicted] = actual == predicted ? 0 : matrix.Counts[actual][predicted];
        }

        new Chart("Mistakes: which class is taken for which", "taken for", "class").HeatMap(mistakes, "images", lesson.ClassNames, "0")
            .Save(lesson.Output.File("convolution-mistakes.png", "mistakes of the convolutional network"), 760, 640);
    }

    private static double[] Moved(double[] image, int right)
    {
        var moved = new double[image.Length];
        for (int row = 0; row < Lesson.Side; row++)
            image.AsSpan(row * Lesson.Side, Lesson.Side - right).CopyTo(moved.AsSpan(row * Lesson.Side + right));
        return moved;
    }

    private static double Accuracy(Lesson lesson, ImageClassifierTransformer model, double[][] images)
    {
        IDataView rows = lesson.ML.Data.LoadFromEnumerable(images.Select(image => new ImageRow { Image = Array.ConvertAll(image, pixel => (float)pixel) }).ToArray());
        return model.Transform(rows).GetColumn<uint>("PredictedLabel").Zip(lesson.TestLabels, (key, label) => key - 1 == label ? 1.0 : 0).Average();
    }

    private sealed class ImageRow
    {
        [VectorType(1, Lesson.Side, Lesson.Side)]
        public float[] Image { get; set; } = [];
    }
}
