using Microsoft.ML.Data;
using Samples.Shared;

namespace Module01;

/// <summary>What only p(image) shows: whether an image is one at all. And the image that each model prefers for a class.</summary>
internal static class OutlierSection
{
    /// <summary>How both models score a kind of images.</summary>
    /// <param name="Name">The kind.</param>
    /// <param name="Confidence">The classifier's mean confidence: the probability of the predicted class.</param>
    /// <param name="Nats">The mean of −log p(image).</param>
    /// <param name="ConfidenceArea">How well low confidence separates the kind from test images: the area under the ROC curve.</param>
    /// <param name="NatsArea">The same for −log p(image).</param>
    public sealed record Kind(string Name, double Confidence, double Nats, double ConfidenceArea, double NatsArea);

    public sealed record Result(
        IReadOnlyList<Kind> Kinds, double ClassifierConfidence, double ClassifierNats, double GeneratorConfidence, double GeneratorNats);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("3. Is it an image at all?");
        (string Name, float[][] Images)[] kinds = Kinds(lesson);
        lesson.SaveImages(
            "outlier-kinds.png", "images of no class", kinds.SelectMany(kind => kind.Images.Take(12)), columns: 12,
            rowCaptions: [.. kinds.Select(kind => kind.Name)]);

        (float[] Confidence, float[] Nats)[] scores = [.. kinds.Select(kind => Score(lesson, kind.Images))];
        Kind[] results = [.. kinds.Zip(scores, (kind, values) => new Kind(
            kind.Name, values.Confidence.Average(), values.Nats.Average(),
            Area(lesson, scores[0].Confidence.Select(value => -value), values.Confidence.Select(value => -value)),
            Area(lesson, scores[0].Nats, values.Nats)))];
        Console.WriteLine($"{"",-18} confidence   −log p(image)   ROC area by confidence   by −log p");
        foreach (var kind in results)
        {
            Console.WriteLine(
                $"{kind.Name,-18} {kind.Confidence,10:P1} {kind.Nats,10:F1} nats {kind.ConfidenceArea,24:F3} {kind.NatsArea,11:F3}");
        }

        int[] shown = [0, 1, 2, 4];
        var confidence = new Chart("Discriminative: the confidence", "largest p(class | image), %", "images, %");
        var nats = new Chart("Generative: the probability", "−log p(image), nats", "images, %");
        double high = shown.Max(i => scores[i].Nats.Max());
        foreach (int i in shown)
        {
            confidence.Histogram(kinds[i].Name, [.. scores[i].Confidence.Select(value => 100 * value)], 0, 100, 25);
            nats.Histogram(kinds[i].Name, scores[i].Nats, 0, high, 60);
        }

        Chart.SavePanels(lesson.Output.File("outlier-scores.png", "the scores of both models"), [confidence, nats]);

        var (ofClassifier, ofGenerator) = BestImages(lesson);
        return new Result(results, ofClassifier.Confidence, ofClassifier.Nats, ofGenerator.Confidence, ofGenerator.Nats);
    }

    /// <summary>−log p(image): the sum over the classes, by the bound for each.</summary>
    public static float[] Nats(Lesson lesson, float[][] images) =>
        [.. ClassesSection.LogJoint(lesson, images).Select(joint => (float)-Numbers.LogSum(joint))];

    private static (float[] Confidence, float[] Nats) Score(Lesson lesson, float[][] images) =>
        ([.. ClassesSection.Classify(lesson, images).Select(scores => scores.Max())], Nats(lesson, images));

    private static (string Name, float[][] Images)[] Kinds(Lesson lesson)
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
            ("empty", [new float[pixels]]),
        ];
    }

    private static ((double Confidence, double Nats) Classifier, (double Confidence, double Nats) Generator) BestImages(Lesson lesson)
    {
        float[][] weights = new LinearScores(lesson.Classifier.Model).Weights;
        // White where the weight of the class is the largest.
        float[][] ofClassifier = [.. weights.Select((row, label) =>
            row.Select((weight, i) => weights.Index().All(other => other.Index == label || other.Item[i] < weight) ? 1f : 0f).ToArray())];
        float[][] ofGenerator = [.. Enumerable.Range(0, Lesson.Classes)
            .Select(label => Lesson.Images(lesson.Generator.Generate(1, new() { Label = label, Temperature = 0 }))[0])];
        lesson.SaveImages(
            "outlier-best.png", "the best image of each class by each model",
            ofClassifier.Concat(ofGenerator), columns: Lesson.Classes, rowCaptions: ["classifier", "generator"],
            columnCaptions: lesson.ClassNames);

        (double Confidence, double Nats) Of(float[][] images) => (
            ClassesSection.Classify(lesson, images).Index().Average(row => row.Item[row.Index]), Nats(lesson, images).Average());
        var (best, center) = (Of(ofClassifier), Of(ofGenerator));
        Console.WriteLine($"The best image of each class by the classifier's weights: a confidence of {best.Confidence:P1}, and −log "
            + $"p(image) is {best.Nats:F1} nats.");
        Console.WriteLine($"The generator's images at temperature 0: the classifier's confidence is {center.Confidence:P1}, and −log "
            + $"p(image) is {center.Nats:F1} nats.");
        return (best, center);
    }

    // The probability that one of the kind has a higher score than a test image.
    private static double Area(Lesson lesson, IEnumerable<float> known, IEnumerable<float> other) =>
        lesson.ML.BinaryClassification.EvaluateNonCalibrated(
            lesson.ML.Data.LoadFromEnumerable(known.Select(score => new Scored { Score = score })
                .Concat(other.Select(score => new Scored { Score = score, Label = true })).ToArray()),
            predictedLabelColumnName: "Label").AreaUnderRocCurve;

    private sealed class Scored
    {
        public float Score { get; set; }

        public bool Label { get; set; }
    }
}
