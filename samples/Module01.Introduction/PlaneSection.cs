using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Trainers;
using Samples.Shared;

namespace Module01;

/// <summary>Two questions about the same points: which class does a point have, and where do the points of a class lie?</summary>
internal static class PlaneSection
{
    /// <summary>What was computed.</summary>
    /// <param name="Discriminative">The classifier's accuracy on the test points.</param>
    /// <param name="Generative">The accuracy of Bayes' rule with a normal distribution for each class.</param>
    /// <param name="BlotConfidence">The classifier's confidence in its prediction for a blot of ink.</param>
    /// <param name="BlotLogDensity">log p(blot).</param>
    /// <param name="LeastLogDensity">The lowest log p of the training points.</param>
    /// <param name="Generated">The share of generated points that the classifier assigns to the class that they were generated for.</param>
    public sealed record Result(
        double Discriminative, double Generative, double BlotConfidence, double BlotLogDensity, double LeastLogDensity, double Generated);

    private static readonly int[] _labels = [0, 1, 7];

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("1. Two questions about the same points");
        Place[] train = Places(lesson.TrainImages), test = Places(lesson.TestImages);

        // p(class | point).
        var trainer = lesson.ML.MulticlassClassification.Trainers.LbfgsMaximumEntropy(new LbfgsMaximumEntropyMulticlassTrainer.Options
        {
            FeatureColumnName = "Point",
            LabelColumnName = "Label",
            // So that the numbers do not depend on the number of cores.
            NumberOfThreads = 1,
        });
        var model = trainer.Fit(lesson.ML.Data.LoadFromEnumerable(train));
        var scores = new LinearScores(model.Model);
        double[] Discriminative((double X, double Y) p) => scores.Probabilities(p.X, p.Y);

        // p(point | class) and p(class), and by Bayes' rule p(class | point).
        Gaussian[] gaussians =
            [.. _labels.Select((_, i) => Gaussian.Fit([.. train.Where(place => place.Label == i).Select(place => place.At)]))];
        double[] prior = [.. _labels.Select((_, i) => train.Count(place => place.Label == i) / (double)train.Length)];
        double[] LogJoint((double X, double Y) p) => [.. gaussians.Select((gaussian, i) => Math.Log(prior[i]) + gaussian.LogDensity(p))];
        double LogDensity((double X, double Y) p) => Numbers.LogSum(LogJoint(p));
        double[] Generative((double X, double Y) p) => [.. LogJoint(p).Select(joint => Math.Exp(joint - LogDensity(p)))];

        double Accuracy(Func<(double X, double Y), double[]> predict) =>
            test.Average(place => Numbers.IndexOfMax(predict(place.At)) == place.Label ? 1.0 : 0.0);
        var blot = Measure(Blot());
        var random = new Random(1);
        (int Class, (double X, double Y) At)[] generated = [.. Enumerable.Range(0, test.Length)
            .Select(_ => Generate(gaussians, prior, random))];
        var result = new Result(
            Accuracy(Discriminative), Accuracy(Generative), Discriminative(blot).Max(), LogDensity(blot),
            train.Min(place => LogDensity(place.At)),
            Numbers.Accuracy(
                generated.Select(point => Numbers.IndexOfMax(Discriminative(point.At))), generated.Select(point => point.Class)));

        Plot(lesson, test, Discriminative, Generative, gaussians, generated, blot);
        string names = string.Join(", ", _labels.Select(label => lesson.ClassNames[label]));
        string predicted = lesson.ClassNames[_labels[Numbers.IndexOfMax(Discriminative(blot))]];
        (double least, double mean) = (result.LeastLogDensity, train.Average(place => LogDensity(place.At)));
        Console.WriteLine($"""
            {train.Length:N0} images of {names} as points of the plane, {test.Length:N0} others to test with.
            Accuracy of p(class | point): {result.Discriminative:P1}. Accuracy of p(point | class) with Bayes' rule: {result.Generative:P1}.
            A blot of ink: the classifier predicts with a confidence of {result.BlotConfidence:P1} that it is {predicted}.
            log p(point) of the blot: {result.BlotLogDensity:F1}; of training images at least {least:F1}, {mean:F1} on average.
            Generated points: the classifier predicts the class that they were generated for in {result.Generated:P1}.
            """);
        return result;
    }

    /// <summary>
    /// How much of an image is ink, in percent, and how far the ink spreads to the sides, as the standard deviation in pixels.
    /// </summary>
    public static (double X, double Y) Measure(float[] image)
    {
        double ink = 0, sum = 0, squares = 0;
        foreach (var (i, value) in image.Index())
        {
            double column = i % Lesson.Side;
            ink += value;
            sum += value * column;
            squares += value * column * column;
        }

        double mean = sum / Math.Max(ink, 1e-9);
        return (100 * ink / image.Length, Math.Sqrt(Math.Max(0, squares / Math.Max(ink, 1e-9) - mean * mean)));
    }

    /// <summary>A disk of ink.</summary>
    public static float[] Blot() => [.. Enumerable.Range(0, Lesson.Side * Lesson.Side).Select(i =>
    {
        double x = i % Lesson.Side - 13.5, y = i / Lesson.Side - 13.5;
        return x * x + y * y < 9.5 * 9.5 ? 1f : 0f;
    })];

    private static (int Class, (double X, double Y) At) Generate(Gaussian[] gaussians, double[] prior, Random random)
    {
        double place = random.NextDouble();
        int label = 0;
        while (label < prior.Length - 1 && place >= prior[label])
            place -= prior[label++];
        return (label, gaussians[label].Sample(random));
    }

    private static Place[] Places(LabeledImages images) =>
        [.. images.Images.Zip(images.Labels).Where(row => _labels.Contains(row.Second))
            .Select(row => new Place(Measure(row.First), Array.IndexOf(_labels, row.Second)))];

    private static void Plot(
        Lesson lesson, Place[] test, Func<(double X, double Y), double[]> discriminative, Func<(double X, double Y), double[]> generative,
        Gaussian[] gaussians, (int Class, (double X, double Y) At)[] generated, (double X, double Y) blot)
    {
        string[] names = [.. _labels.Select(label => lesson.ClassNames[label])];
        (double Low, double High) x = (0, 1.1 * blot.X), y = (0, 1.15 * test.Max(place => place.At.Y));
        Chart Panel(string title, IEnumerable<(int Class, (double X, double Y) At)> points) =>
            new Chart(title, "ink, % of the image", "its spread to the sides, pixels")
                .Classes([.. points.Select(point => ((float)point.At.X, (float)point.At.Y, point.Class))], names)
                .Range(x.Low, x.High, y.Low, y.High);
        Chart Borders(Chart chart, Func<(double X, double Y), double[]> predict)
        {
            for (int label = 0; label < names.Length; label++)
            {
                int current = label;
                chart.Contours((px, py) => predict((px, py))[current], x, y, 0.5);
            }

            return chart.Points(null, [blot], color: 3, size: 7).Text(blot.X, blot.Y - 0.5, "a blot");
        }

        var known = test.Select(place => ((int)place.Label, place.At));
        var densities = Borders(Panel("Generative: p(point | class), and borders by Bayes' rule", known), generative);
        foreach (var (label, gaussian) in gaussians.Index())
        {
            foreach (int deviations in new[] { 1, 2, 3 })
                densities.Path(gaussian.Ellipse(deviations), label);
        }

        Chart.SavePanels(
            lesson.Output.File("plane.png", "two models of the same points, and points that one of them generated"),
            [
                Borders(Panel("Discriminative: borders where p(class | point) = 0.5", known), discriminative), densities,
                Panel("Points that the generative model generated", generated),
            ],
            columns: 3, panelWidth: 620, panelHeight: 540);
    }

    private sealed class Place((double X, double Y) at, int label)
    {
        [NoColumn]
        public (double X, double Y) At => at;

        [VectorType(2)]
        public float[] Point { get; } = [(float)at.X, (float)at.Y];

        [KeyType(3)]
        public uint Label { get; } = (uint)label;
    }
}
