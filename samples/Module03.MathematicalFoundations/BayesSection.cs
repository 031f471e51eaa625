using Samples.Shared;

namespace Module03;

/// <summary>Conditional probability and Bayes' theorem: a medical test, and digits classified pixel by pixel.</summary>
internal static class BayesSection
{
    public sealed record Result(double Posterior, double SimulatedPosterior, double Accuracy, double MeanConfidence);

    private const double Sensitivity = 0.90;
    private const double FalsePositiveRate = 0.05;

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("1. Conditional probability and Bayes' theorem");
        var (posterior, simulated) = MedicalTest(lesson);
        var (accuracy, confidence) = Digits(lesson);
        return new Result(posterior, simulated, accuracy, confidence);
    }

    /// <summary>P(H | E) = P(E | H)·P(H) / P(E), with P(E) = P(E | H)·P(H) + P(E | ¬H)·P(¬H).</summary>
    public static double Posterior(double prior, double likelihood, double likelihoodOtherwise)
    {
        var evidence = likelihood * prior + likelihoodOtherwise * (1 - prior);
        return likelihood * prior / evidence;
    }

    private static (double Posterior, double Simulated) MedicalTest(Lesson lesson)
    {
        const double prevalence = 0.01;
        var once = Posterior(prevalence, Sensitivity, FalsePositiveRate);
        var twice = Posterior(once, Sensitivity, FalsePositiveRate);
        var people = lesson.Quick ? 200_000 : 2_000_000;
        var simulated = Simulate(prevalence, people, new Random(1));
        Console.WriteLine($"""
            1 % have a disease; a test is positive for 90 % of the ill and for 5 % of the healthy.
            P(ill | positive): {once:P2} by Bayes' theorem, {simulated:P2} of the positives among {people:N0} simulated people.
            P(ill | two positive tests) (the first posterior is the second prior): {twice:P2}.
            """);

        double[] prevalences = [.. Enumerable.Range(0, 61).Select(i => Math.Pow(10, -3 + i / 20.0)).Where(p => p < 0.9)];
        double[] checkedAt = [0.002, 0.005, 0.01, 0.03, 0.1, 0.3, 0.6];
        new Chart("P(ill) given the result of the test", "prevalence: P(ill) before the test", "P(ill | result)", logX: true)
            .Line("positive", [.. prevalences.Select(p => (p, Posterior(p, Sensitivity, FalsePositiveRate)))])
            .Line("two positive", [.. prevalences.Select(p =>
                (p, Posterior(Posterior(p, Sensitivity, FalsePositiveRate), Sensitivity, FalsePositiveRate)))])
            .Line("negative", [.. prevalences.Select(p => (p, Posterior(p, 1 - Sensitivity, 1 - FalsePositiveRate)))])
            .Points("positive, simulated", [.. checkedAt.Select(p => (p, Simulate(p, people / 10, new Random(2))))], color: 0)
            .Line("no test", [.. prevalences.Select(p => (p, p))], color: 7, dashed: true)
            .Save(lesson.Output.File("bayes-test.png", "the posterior of a medical test"));
        return (once, simulated);
    }

    // The share of the ill among those whose test is positive.
    private static double Simulate(double prevalence, int people, Random random)
    {
        var (positive, illAndPositive) = (0, 0);
        for (var person = 0; person < people; person++)
        {
            var ill = random.NextDouble() < prevalence;
            if (random.NextDouble() >= (ill ? Sensitivity : FalsePositiveRate))
                continue;
            positive++;
            illAndPositive += ill ? 1 : 0;
        }

        return (double)illAndPositive / positive;
    }

    private static (double Accuracy, double Confidence) Digits(Lesson lesson)
    {
        var model = NaiveBayes.Fit(lesson.TrainImages);
        var posteriors = lesson.TestImages.Images.Select(model.Posterior).ToArray();
        var right = posteriors.Zip(lesson.TestImages.Labels).Count(pair => ArgMax(pair.First) == pair.Second);
        var accuracy = (double)right / lesson.TestImages.Count;
        var confidence = posteriors.Average(p => p.Max());
        int tested = lesson.TestImages.Count;
        Console.WriteLine($"""
            Naive Bayes over {Lesson.Pixels} black or white pixels: an accuracy of {accuracy:P1} on {tested:N0} test digits.
            Its mean confidence is {confidence:P1}: pixels are not independent, so it counts the same evidence many times.
            """);

        lesson.SaveImages(
            "bayes-pixels.png", "P(pixel is white | digit)", model.PixelProbability.Select(p => p.Select(value => (float)value).ToArray()),
            columns: 5, scale: 4, padding: 6);

        var (index, path) = SlowDecision(lesson, model);
        var chart = new Chart($"A digit {lesson.TestImages.Labels[index]} read row by row", "rows read", "P(digit | pixels read)");
        for (var digit = 0; digit < Lesson.Classes; digit++)
            chart.Line($"{digit}", [.. path.Select((posterior, rows) => ((double)rows, posterior[digit]))]);
        chart.LegendOutside().Range(yLow: -0.03, yHigh: 1.03)
            .Save(lesson.Output.File("bayes-evidence.png", "the posterior while a digit is read"));
        var changes = string.Join(
            ", ", path.Index().Where(p => p.Index % 7 == 0).Select(p => $"after {p.Index} rows {ArgMax(p.Item)} with {p.Item.Max():P0}"));
        Console.WriteLine($"Test digit {index} shows a {lesson.TestImages.Labels[index]}. Most probable: {changes}.");
        return (accuracy, confidence);
    }

    // Of the correctly classified digits, the one whose posterior favors a wrong digit for the most rows.
    private static (int Index, double[][] Path) SlowDecision(Lesson lesson, NaiveBayes model) =>
        Enumerable.Range(0, Math.Min(200, lesson.TestImages.Count))
            .Select(i => (Index: i, Path: model.PosteriorByRow(lesson.TestImages.Images[i])))
            .Where(candidate => ArgMax(candidate.Path[^1]) == lesson.TestImages.Labels[candidate.Index])
            .MaxBy(candidate => candidate.Path.Count(p => ArgMax(p) != lesson.TestImages.Labels[candidate.Index] && p.Max() > 0.6));

    private static int ArgMax(double[] values) => Array.IndexOf(values, values.Max());
}
