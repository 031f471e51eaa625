using Microsoft.ML.Data;
using Samples.Shared;

namespace Module01;

/// <summary>Two questions about the same points: which class is this one of, and where do points of a class lie?</summary>
internal static class PlaneSection
{
    /// <summary>What was computed.</summary>
    /// <param name="Discriminative">The share of test points that the classifier gets right.</param>
    /// <param name="Generative">The share that Bayes' rule gets right with a normal distribution for each class.</param>
    /// <param name="BlotConfidence">How sure the classifier is of the class of a blot of ink.</param>
    /// <param name="BlotLogDensity">log p(blot).</param>
    /// <param name="LeastLogDensity">The lowest log p of the points to learn from.</param>
    /// <param name="Drawn">The share of new points that the classifier takes for the class that they were drawn for.</param>
    public sealed record Result(double Discriminative, double Generative, double BlotConfidence, double BlotLogDensity, double LeastLogDensity, double Drawn);

    private static readonly int[] _labels = [0, 1, 7];

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("1. Two questions about the same points");
        Place[] train = Places(lesson.TrainImages), test = Places(lesson.TestImages);

        // p(class | point).
        var model = lesson.NewClassifier("Point").Fit(lesson.ML.Data.LoadFromEnumerable(train));
        var scores = new LinearScores(model.Model);
        double[] Discriminative((double X, double Y) p) => scores.Probabilities(p.X, p.Y);

        // p(point | class) and p(class), and by Bayes' rule p(class | point).
        Gaussian[] gaussians = [.. _labels.Select((_, i) => Gaussian.Fit([.. train.Where(place => place.Label == i).Select(place => place.At)]))];
        double[] prior = [.. _labels.Select((_, i) => train.Count(place => place.Label == i) / (double)train.Length)];
        double[] LogJoint((double X, double Y) p) => [.. gaussians.Select((gaussian, i) => Math.Log(prior[i]) + gaussian.LogDensity(p))];
        double LogDensity((double X, double Y) p) => Lesson.LogSum(LogJoint(p));
        double[] Generative((double X, double Y) p) => [.. LogJoint(p).Select(joint => Math.Exp(joint - LogDensity(p)))];

        double Right(Func<(double X, double Y), double[]> ask) => test.Average(place => Lesson.IndexOfMax(ask(place.At)) == place.Label ? 1.0 : 0.0);
        var blot = Measure(Blot());
        var random = new Random(1);
        (int Class, (double X, double Y) At)[] drawn = [.. Enumerable.Range(0, test.Length).Select(_ => Draw(gaussians, prior, random))];
        var result = new Result(
            Right(Discriminative), Right(Generative), Discriminative(blot).Max(), LogDensity(blot), train.Min(place => LogDensity(place.At)),
            Lesson.Share(drawn.Select(point => Lesson.IndexOfMax(Discriminative(point.At))), drawn.Select(point => point.Class)));

        DrawPanels(lesson, test, Discriminative, Generative, gaussians, drawn, blot);
        Console.WriteLine($"""
            {train.Length:N0} images of {string.Join(", ", _labels.Select(label => lesson.ClassNames[label]))} as points of the plane, {test.Length:N0} others to test with.
            Right by p(class | point): {result.Discriminative:P1}. Right by p(point | class) and Bayes' rule: {result.Generative:P1}.
            A blot of ink: the classifier is {result.BlotConfidence:P1} sure that it is {lesson.ClassNames[_labels[Lesson.IndexOfMax(Discriminative(blot))]]}.
            log p(point) of the blot: {result.BlotLogDensity:F1}; of the images to learn from at least {result.LeastLogDensity:F1}, in the mean {train.Average(place => LogDensity(place.At)):F1}.
            New points, drawn: the classifier finds the class that was drawn in {result.Drawn:P1}.
            """);
        return result;
    }

    /// <summary>How much of an image is ink, in percent, and how far the ink spreads to the sides, as the deviation in pixels.</summary>
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

    /// <summary>A disc of ink.</summary>
    public static float[] Blot() => [.. Enumerable.Range(0, Lesson.Side * Lesson.Side).Select(i =>
    {
        double x = i % Lesson.Side - 13.5, y = i / Lesson.Side - 13.5;
        return x * x + y * y < 9.5 * 9.5 ? 1f : 0f;
    })];

    private static (int Class, (double X, double Y) At) Draw(Gaussian[] gaussians, double[] prior, Random random)
    {
        double place = random.NextDouble();
        int label = 0;
        while (label < prior.Length - 1 && place >= prior[label])
            place -= prior[label++];
        return (label, gaussians[label].Draw(random));
    }

    private static Place[] Places(LabeledImages images) =>
        [.. images.Images.Zip(images.Labels).Where(row => _labels.Contains(row.Second)).Select(row => new Place(Measure(row.First), Array.IndexOf(_labels, row.Second)))];

    private static void DrawPanels(
        Lesson lesson, Place[] test, Func<(double X, double Y), double[]> discriminative, Func<(double X, double Y), double[]> generative,
        Gaussian[] gaussians, (int Class, (double X, double Y) At)[] drawn, (double X, double Y) blot)
    {
        string[] names = [.. _labels.Select(label => lesson.ClassNames[label])];
        (double Low, double High) x = (0, 1.1 * blot.X), y = (0, 1.15 * test.Max(place => place.At.Y));
        Chart Panel(string title, IEnumerable<(int Class, (double X, double Y) At)> points) => new Chart(title, "ink, % of the image", "its spread to the sides, pixels")
            .Classes([.. points.Select(point => ((float)point.At.X, (float)point.At.Y, point.Class))], names)
            .Range(x.Low, x.High, y.Low, y.High);
        Chart Borders(Chart chart, Func<(double X, double Y), double[]> ask)
        {
            for (int label = 0; label < names.Length; label++)
            {
                int asked = label;
                chart.Contours((px, py) => ask((px, py))[asked], x, y, 0.5);
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
            lesson.Output.File("plane.png", "two models of the same points, and points that one of them made"),
            [Borders(Panel("Discriminative: borders where p(class | point) = 0.5", known), discriminative), densities, Panel("Points that the generative model made", drawn)],
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
