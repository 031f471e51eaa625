using Microsoft.ML.Data;
using Samples.Shared;

namespace Module01;

/// <summary>What only p(image) can tell: whether an image is one at all. And what each model takes for the best image of a class.</summary>
internal static class OutlierSection
{
    /// <summary>How both models see a kind of images.</summary>
    /// <param name="Name">The kind.</param>
    /// <param name="Confidence">The classifier's mean probability of the class that it names.</param>
    /// <param name="Nats">The mean of −log p(image).</param>
    /// <param name="ConfidenceArea">How well doubt tells the kind from test images: the area under the ROC curve.</param>
    /// <param name="NatsArea">How well −log p(image) does.</param>
    public sealed record Kind(string Name, double Confidence, double Nats, double ConfidenceArea, double NatsArea);

    public sealed record Result(IReadOnlyList<Kind> Kinds, double FavoriteConfidence, double FavoriteNats, double TypicalConfidence, double TypicalNats);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("3. Is it an image at all?");
        (string Name, float[][] Images)[] kinds = Kinds(lesson);
        lesson.Draw(
            "outlier-kinds.png", "images of no class", kinds.SelectMany(kind => kind.Images.Take(12)), columns: 12, rows: [.. kinds.Select(kind => kind.Name)]);

        (float[] Confidence, float[] Nats)[] seen = [.. kinds.Select(kind => See(lesson, kind.Images))];
        Kind[] results = [.. kinds.Zip(seen, (kind, values) => new Kind(
            kind.Name, values.Confidence.Average(), values.Nats.Average(),
            Area(lesson, seen[0].Confidence.Select(value => -value), values.Confidence.Select(value => -value)), Area(lesson, seen[0].Nats, values.Nats)))];
        Console.WriteLine($"{"",-18} sure of a class   −log p(image)   told from test images by doubt   by −log p");
        foreach (var kind in results)
            Console.WriteLine($"{kind.Name,-18} {kind.Confidence,14:P1} {kind.Nats,12:F1} nats {kind.ConfidenceArea,29:F3} {kind.NatsArea,12:F3}");

        int[] drawn = [0, 1, 2, 4];
        var confidence = new Chart("Discriminative: how sure of a class", "largest p(class | image), %", "images, %");
        var nats = new Chart("Generative: how probable an image", "−log p(image), nats", "images, %");
        double high = drawn.Max(i => seen[i].Nats.Max());
        foreach (int i in drawn)
        {
            confidence.Histogram(kinds[i].Name, [.. seen[i].Confidence.Select(value => 100 * value)], 0, 100, 25);
            nats.Histogram(kinds[i].Name, seen[i].Nats, 0, high, 60);
        }

        Chart.SavePanels(lesson.Output.File("outlier-scores.png", "what both models make of them"), [confidence.Legend(left: true), nats]);

        var (favorites, typical) = Favorites(lesson);
        return new Result(results, favorites.Confidence, favorites.Nats, typical.Confidence, typical.Nats);
    }

    /// <summary>−log p(image): the sum over the classes, of which the bound for each is known.</summary>
    public static float[] Nats(Lesson lesson, float[][] images) => [.. lesson.LogJoint(images).Select(joint => (float)-Lesson.LogSum(joint))];

    private static (float[] Confidence, float[] Nats) See(Lesson lesson, float[][] images) =>
        ([.. lesson.Classify(images).Select(scores => scores.Max())], Nats(lesson, images));

    private static (string Name, float[][] Pictures)[] Kinds(Lesson lesson)
    {
        const int pixels = Lesson.Side * Lesson.Side;
        var random = new Random(2);
        var (images, labels) = (lesson.TestImages.Images, lesson.TestImages.Labels);
        float[][] halves = [.. Enumerable.Range(0, images.Length - 1).Where(i => labels[i] != labels[i + 1])
            .Select(i => (float[])[.. images[i][..(pixels / 2)], .. images[i + 1][(pixels / 2)..]])];
        float[][] shuffled = [.. images.Select(image =>
        {
            float[] copy = [.. image];
            random.Shuffle(copy);
            return copy;
        })];
        float[][] noise = [.. images.Select(_ => Enumerable.Range(0, pixels).Select(_ => random.NextSingle()).ToArray())];
        return
        [
            ("test images", images),
            ("halves of two", halves),
            ("pixels shuffled", shuffled),
            ("negatives", [.. images.Select(image => Array.ConvertAll(image, value => 1 - value))]),
            ("noise", noise),
            ("nothing", [new float[pixels]]),
        ];
    }

    private static ((double Confidence, double Nats) Favorite, (double Confidence, double Nats) Typical) Favorites(Lesson lesson)
    {
        float[][] weights = new LinearScores(lesson.Classifier.Model).Weights;
        // White where a pixel speaks for the class more than for any other.
        float[][] favorites = [.. weights.Select((row, label) => row.Select((weight, i) => weights.Index().All(other => other.Index == label || other.Item[i] < weight) ? 1f : 0f).ToArray())];
        float[][] typical = [.. Enumerable.Range(0, Lesson.Classes).Select(label => Lesson.Column(lesson.Generator.Generate(1, new() { Label = label, Temperature = 0 }))[0])];
        lesson.Draw(
            "outlier-favorites.png", "what each model takes for the best image of a class",
            favorites.Concat(typical), columns: Lesson.Classes, rows: ["the classifier's", "the generator's"], captions: lesson.ClassNames);

        (double Confidence, double Nats) Of(float[][] images) => (
            lesson.Classify(images).Index().Average(row => row.Item[row.Index]), Nats(lesson, images).Average());
        var (favorite, middle) = (Of(favorites), Of(typical));
        Console.WriteLine($"The best image of each class by the classifier's weights: it is {favorite.Confidence:P1} sure, and −log p(image) is {favorite.Nats:F1} nats.");
        Console.WriteLine($"In the middle of what the generator draws: the classifier is {middle.Confidence:P1} sure, and −log p(image) is {middle.Nats:F1} nats.");
        return (favorite, middle);
    }

    // The probability that one of the kind has a higher score than a test image.
    private static double Area(Lesson lesson, IEnumerable<float> known, IEnumerable<float> other) => lesson.ML.BinaryClassification.EvaluateNonCalibrated(
        lesson.ML.Data.LoadFromEnumerable(known.Select(score => new Scored { Score = score }).Concat(other.Select(score => new Scored { Score = score, Label = true })).ToArray()),
        predictedLabelColumnName: "Label").AreaUnderRocCurve;

    private sealed class Scored
    {
        public float Score { get; set; }

        public bool Label { get; set; }
    }
}
