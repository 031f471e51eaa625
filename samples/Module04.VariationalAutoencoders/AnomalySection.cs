using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module04;

/// <summary>Anomaly detection: a VAE that is trained without one class gives its images high scores.</summary>
internal static class AnomalySection
{
    public sealed record Result(string HeldOut, double Elbo, double Reconstruction, double Kl, double RocArea, double DetectionRate);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("6. Anomaly detection");
        // Bags differ from all clothes.
        var heldOut = lesson.DataName == "fashion-mnist" ? 8 : 2;
        var name = lesson.ClassNames[heldOut];
        Score[] scores = ScoresWithout(lesson, heldOut);

        float[] Of(bool anomaly, Func<Score, float> value) => [.. scores.Where(row => row.Anomaly == anomaly).Select(value)];
        Charts.Histogram(
            lesson.Output.File("anomaly-histogram.png", "anomaly scores of known and unknown images"),
            $"A VAE trained without class {name}", "anomaly score −ELBO, nats",
            [("known classes", Of(false, row => row.NegativeElbo)), ($"class {name}", Of(true, row => row.NegativeElbo))]);

        var (elbo, reconstruction, kl) = (
            Area(lesson, scores, "NegativeElbo"), Area(lesson, scores, "ReconstructionError"), Area(lesson, scores, "Kl"));
        var curve = Roc(scores, row => row.NegativeElbo);
        new Chart(
            $"Detection of class {name}", "false positives: known images above the threshold, %", "detected: unknown images above it, %")
            .Line($"−ELBO, area {elbo:0.000}", curve)
            .Line($"reconstruction alone, area {reconstruction:0.000}", Roc(scores, row => row.ReconstructionError))
            .Line($"KL alone, area {kl:0.000}", Roc(scores, row => row.Kl))
            .Line("guessing, area 0.500", [(0, 0), (100, 100)], color: 7, dashed: true)
            .Save(lesson.Output.File("anomaly-roc.png", "ROC curves"));

        Extremes(lesson, scores, name);
        AllClasses(lesson, heldOut, scores);
        var detected = curve.Last(point => point.X <= 5).Y;
        Console.WriteLine($"Area under the ROC curve for class {name}: {elbo:0.000} by −ELBO, {reconstruction:0.000} by the reconstruction "
            + $"error, {kl:0.000} by KL. With 5 % false positives, {detected:0.0} % are detected.");
        return new Result(name, elbo, reconstruction, kl, RocArea(curve), detected / 100);
    }

    // The scores of the test images by a VAE that is trained without one class.
    private static Score[] ScoresWithout(Lesson lesson, int heldOut)
    {
        // The key of class 0 is 1; the filter removes rows for which the predicate holds.
        IDataView known = lesson.ML.Data.FilterByCustomPredicate<LabelRow>(lesson.Train, row => row.Label == heldOut + 1);
        using VaeTransformer vae = Train(lesson, known, $"VAE without class {lesson.ClassNames[heldOut]}");

        Score[] scores = [.. lesson.ML.Data.CreateEnumerable<Score>(
            vae.Transform(lesson.Test), reuseRowObject: false, ignoreMissingColumns: true)];
        foreach (var row in scores)
            row.Anomaly = row.Label == heldOut + 1;
        return scores;
    }

    private static VaeTransformer Train(Lesson lesson, IDataView data, string title)
    {
        using var progress = new ConsoleProgress(title);
        return lesson.ML.Transforms.Generative().Vae(new VaeOptions
        {
            InputColumnName = "Image",
            // Few dimensions, so that unknown images cannot be reconstructed.
            LatentSize = 4,
            Epochs = lesson.Quick ? 5 : 8,
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(data);
    }

    // Each class in turn as the unknown one.
    private static void AllClasses(Lesson lesson, int done, Score[] scoresOfDone)
    {
        var chart = new Chart("Each class as the unknown one, with the area under its curve", "false positives, %", "detected, %");
        var areas = new List<string>();
        foreach (var (label, name) in lesson.ClassNames.Index().Take(lesson.Quick ? 3 : int.MaxValue))
        {
            Score[] scores = label == done ? scoresOfDone : ScoresWithout(lesson, label);
            areas.Add($"{name} {Area(lesson, scores, "NegativeElbo"):0.000}");
            chart.Line(areas[^1], Roc(scores, row => row.NegativeElbo));
        }

        chart.Line("guessing 0.500", [(0, 0), (100, 100)], color: 7, dashed: true)
            .LegendOutside()
            .Save(lesson.Output.File("anomaly-roc-classes.png", "ROC curves of all classes"));
        Console.WriteLine($"Area under the ROC curve by unknown class: {string.Join(", ", areas)}.");
    }

    private static void Extremes(Lesson lesson, Score[] scores, string name)
    {
        const int count = 12;
        var images = lesson.TestImages.Images;
        var byScore = scores.Index().OrderBy(row => row.Item.NegativeElbo).ToArray();
        float[][] Of(bool anomaly, bool highest) =>
            [.. (highest ? byScore.Reverse() : byScore).Where(row => row.Item.Anomaly == anomaly).Take(count)
                .Select(row => images[row.Index])];
        lesson.SaveImages(
            "anomaly-images.png", "images with the lowest and the highest scores",
            [.. Of(false, false), .. Of(false, true), .. Of(true, false), .. Of(true, true)], columns: count, scale: 3,
            rowCaptions: ["known, lowest score", "known, highest", $"class {name}, lowest", $"class {name}, highest"]);
    }

    private static double Area(Lesson lesson, Score[] scores, string scoreColumn) => lesson.ML.BinaryClassification.EvaluateNonCalibrated(
        lesson.ML.Data.LoadFromEnumerable(scores), labelColumnName: "Anomaly", scoreColumnName: scoreColumn,
        predictedLabelColumnName: "Anomaly").AreaUnderRocCurve;

    // One point per threshold, from the highest score down.
    private static (double X, double Y)[] Roc(Score[] scores, Func<Score, float> value)
    {
        double anomalies = scores.Count(row => row.Anomaly), known = scores.Length - anomalies;
        var (falsePositives, detected) = (0, 0);
        var points = new List<(double X, double Y)> { (0, 0) };
        foreach (var equal in scores.GroupBy(value).OrderByDescending(group => group.Key))
        {
            detected += equal.Count(row => row.Anomaly);
            falsePositives += equal.Count(row => !row.Anomaly);
            points.Add((100 * falsePositives / known, 100 * detected / anomalies));
        }

        return [.. points];
    }

    private static double RocArea((double X, double Y)[] curve) =>
        curve.Zip(curve.Skip(1), (a, b) => (b.X - a.X) * (a.Y + b.Y) / 2).Sum() / 1e4;

    private sealed class LabelRow
    {
        [KeyType(10)]
        public uint Label { get; set; }
    }

    private sealed class Score
    {
        [KeyType(10)]
        public uint Label { get; set; }

        public float NegativeElbo { get; set; }

        public float ReconstructionError { get; set; }

        public float Kl => NegativeElbo - ReconstructionError;

        public bool Anomaly { get; set; }
    }
}
