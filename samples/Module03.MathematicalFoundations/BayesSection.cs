using Samples.Shared;

namespace Module03;

/// <summary>Conditional probability and Bayes' theorem: a medical test, and a digit that is recognized pixel by pixel.</summary>
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
            A disease that 1 % have; a test that finds 90 % of the ill and wrongly alarms 5 % of the healthy.
            Ill, given a positive test: {once:P2} by Bayes' theorem, {simulated:P2} of the positives among {people:N0} simulated people.
            Ill, given two positive tests (the first posterior is the second prior): {twice:P2}.
            """);

        double[] prevalences = [.. Enumerable.Range(0, 61).Select(i => Math.Pow(10, -3 + i / 20.0)).Where(p => p < 0.9)];
        double[] checkedAt = [0.002, 0.005, 0.01, 0.03, 0.1, 0.3, 0.6];
        new Chart("Ill, given the test's result", "prevalence: P(ill) before the test", "P(ill | result)", logX: true)
            .Line("positive", [.. prevalences.Select(p => (p, Posterior(p, Sensitivity, FalsePositiveRate)))])
            .Line("two positive", [.. prevalences.Select(p => (p, Posterior(Posterior(p, Sensitivity, FalsePositiveRate), Sensitivity, FalsePositiveRate)))])
            .Line("negative", [.. prevalences.Select(p => (p, Posterior(p, 1 - Sensitivity, 1 - FalsePositiveRate)))])
            .Points("positive, simulated", [.. checkedAt.Select(p => (p, Simulate(p, people / 10, new Random(2))))], color: 0)
            .Line("no test", [.. prevalences.Select(p => (p, p))], color: 7, dashed: true)
            .Legend(left: true)
            .Save(lesson.Output.File("bayes-test.png", "posterior of a medical test"));
        return (once, simulated);
    }

    // The share of the ill among the people whose test is positive.
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
        var model = NaiveBayes.Fit(lesson.Train);
        var posteriors = lesson.Test.Images.Select(model.Posterior).ToArray();
        var right = posteriors.Zip(lesson.Test.Labels).Count(pair => ArgMax(pair.First) == pair.Second);
        var accuracy = (double)right / lesson.Test.Count;
        var confidence = posteriors.Average(p => p.Max());
        Console.WriteLine($"""
            Naive Bayes over {Lesson.Pixels} black or white pixels: {accuracy:P1} of {lesson.Test.Count:N0} test digits right.
            It is {confidence:P1} sure in the mean: pixels are not independent, so the same evidence is counted many times.
            """);

        ImageGrid.Save(
            lesson.Output.File("bayes-pixels.png", "P(pixel is white | digit)"),
            [.. model.PixelProbability.Select(p => p.Select(value => (float)value).ToArray())],
            1, Lesson.Side, Lesson.Side, columns: 5, padding: 6, scale: 4);

        var (index, path) = SlowDecision(lesson, model);
        var chart = new Chart($"A digit {lesson.Test.Labels[index]} read row by row", "rows of pixels read", "P(digit | pixels read)");
        for (var digit = 0; digit < Lesson.Classes; digit++)
            chart.Line($"{digit}", [.. path.Select((posterior, rows) => ((double)rows, posterior[digit]))]);
        chart.Legend(outside: true).Range(yLow: -0.03, yHigh: 1.03)
            .Save(lesson.Output.File("bayes-evidence.png", "posterior while a digit is read"));
        var changes = string.Join(", ", path.Index().Where(p => p.Index % 7 == 0).Select(p => $"after {p.Index} rows {ArgMax(p.Item)} with {p.Item.Max():P0}"));
        Console.WriteLine($"Test digit {index} shows a {lesson.Test.Labels[index]}. Most probable: {changes}.");
        return (accuracy, confidence);
    }

    // Of the digits recognized in the end, the one whose posterior leads with the wrong digit for the most rows.
    private static (int Index, double[][] Path) SlowDecision(Lesson lesson, NaiveBayes model) =>
        Enumerable.Range(0, Math.Min(200, lesson.Test.Count))
            .Select(i => (Index: i, Path: model.PosteriorByRow(lesson.Test.Images[i])))
            .Where(candidate => ArgMax(candidate.Path[^1]) == lesson.Test.Labels[candidate.Index])
            .MaxBy(candidate => candidate.Path.Count(p => ArgMax(p) != lesson.Test.Labels[candidate.Index] && p.Max() > 0.6));

    private static int ArgMax(double[] values) => Array.IndexOf(values, values.Max());
}
