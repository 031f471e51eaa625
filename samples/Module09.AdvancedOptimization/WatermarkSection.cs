using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module09;

/// <summary>A watermark of generated texts, and its detector.</summary>
internal static class WatermarkSection
{
    /// <summary>Texts with a watermark of some strength.</summary>
    /// <param name="Bias">What is added to the logits of green characters; 0: no watermark.</param>
    /// <param name="Scores">z of each text.</param>
    /// <param name="Found">The share above 4.</param>
    /// <param name="Perplexity">Of the texts, by the model without the watermark.</param>
    public sealed record Row(double Bias, IReadOnlyList<double> Scores, double Found, double Perplexity);

    /// <param name="Rows">By strength.</param>
    /// <param name="FalsePositives">The share of texts of people with z above 2, and above 4.</param>
    /// <param name="Edited">Mean z after a share of the characters was replaced.</param>
    public sealed record Result(
        IReadOnlyList<Row> Rows, (double Above2, double Above4) FalsePositives, IReadOnlyList<(double Share, double Score)> Edited);

    private const double Threshold = 4;

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("9. Watermarks");
        int texts = lesson.Quick ? 6 : 30, length = lesson.Quick ? 150 : 300;
        List<Row> rows = [];
        string[] marked = [];
        var byLength = new Chart("z by length", "characters", "mean z");
        foreach (double bias in (double[])[0, 1, 2, 4])
        {
            string[] own = [.. Enumerable.Range(0, texts).Select(seed => Generate(lesson.Base, bias, length, seed))];
            double[] scores = [.. own.Select(text => Score(lesson, text))];
            double perplexity = lesson.ML.Generative().EvaluateLanguageModel(lesson.Base, TextData.Rows(lesson.ML, own)).Perplexity;
            rows.Add(new Row(bias, scores, scores.Average(z => z > Threshold ? 1.0 : 0), perplexity));
            byLength.Line(
                bias == 0 ? "no watermark" : $"δ = {bias}",
                [.. Enumerable.Range(1, length / 25).Select(i => (25.0 * i, own.Average(text => Score(lesson, text[..(25 * i)]))))]);
            if (bias == 2)
                marked = own;
        }

        Lesson.Print("with δ = 2:", marked[0][..Math.Min(marked[0].Length, 150)]);
        double[] people = [.. Parts(lesson.Play.Train, length).Take(lesson.Quick ? 100 : 2_000).Select(text => Score(lesson, text))];
        var falsePositives = (people.Average(z => z > 2 ? 1.0 : 0), people.Average(z => z > Threshold ? 1.0 : 0));
        (double, double)[] edited = [.. ((double[])[0, 0.05, 0.1, 0.2, 0.3]).Select(share =>
            (share, marked.Average(text => Score(lesson, Edit(text, share)))))];
        Print(rows, falsePositives, edited);

        float[] all = [.. people.Select(z => (float)z), .. rows.SelectMany(row => row.Scores).Select(z => (float)z)];
        var histogram = new Chart("z of texts", "z", "share of the texts, %")
            .Histogram("of people", [.. people.Select(z => (float)z)], all.Min(), all.Max());
        foreach (Row row in rows.Skip(2))
            histogram.Histogram($"δ = {row.Bias}", [.. row.Scores.Select(z => (float)z)], all.Min(), all.Max());
        Chart.SavePanels(lesson.Output.File("watermark.png", "the detector's scores"), [histogram, byLength]);
        return new Result(rows, falsePositives, edited);
    }

    private static TextWatermark Watermark(double bias) => new()
    {
        Key = "a secret of module 9",
        Bias = bias,
        // A single character before says little: of two hundred pairs that follow each other, most come again and again.
        ContextWidth = 3,
    };

    private static string Generate(LanguageModelTransformer model, double bias, int length, int seed) => model.Generate("\n\n", new()
    {
        MaxTokens = length,
        Seed = seed,
        Watermark = bias == 0 ? null : Watermark(bias),
    });

    // The detector needs the key and the tokenizer, and neither the model nor the strength.
    private static double Score(Lesson lesson, string text) => Watermark(bias: 1).Detect(text, lesson.Characters).ZScore;

    private static IEnumerable<string> Parts(string text, int length)
    {
        for (int start = 0; start + length <= text.Length; start += length)
            yield return text.Substring(start, length);
    }

    // Letters in place of others, as of somebody who cannot type.
    private static string Edit(string text, double share)
    {
        var random = new Random(1);
        return string.Concat(text.Select(c => random.NextDouble() < share ? (char)('a' + random.Next(26)) : c));
    }

    private static void Print(
        List<Row> rows, (double Above2, double Above4) falsePositives, (double Share, double Score)[] edited)
    {
        Console.WriteLine($"{"",-14}{"mean z",8}{"z > 4",8}{"perplexity",12}");
        foreach (Row row in rows)
        {
            Console.WriteLine($"{(row.Bias == 0 ? "no watermark" : $"δ = {row.Bias}"),-14}{row.Scores.Average(),8:F2}{row.Found,8:P0}"
                + $"{row.Perplexity,12:F2}");
        }

        Console.WriteLine($"Texts of people: {falsePositives.Above2:P1} above 2, {falsePositives.Above4:P2} above 4.");
        foreach ((double share, double score) in edited)
            Console.WriteLine($"δ = 2, {share,4:P0} of the characters replaced: mean z {score:F2}");
    }
}
