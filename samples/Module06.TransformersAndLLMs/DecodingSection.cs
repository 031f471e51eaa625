using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module06;

/// <summary>From probabilities to text: the trade-off of temperature and top-p.</summary>
internal static class DecodingSection
{
    /// <summary>The scores of a decoding method.</summary>
    /// <param name="Known">The share of words that occur in the training text.</param>
    /// <param name="Different">The share of distinct words in a text.</param>
    public readonly record struct Score(double Known, double Distinct);

    public sealed record Result(IReadOnlyDictionary<double, Score> Temperatures, Score TopP);

    private const string Prompt = "KING:\n";

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("5. Decoding");
        LanguageModelTransformer model = lesson.Base;
        foreach (var (name, options) in new (string, TextGenerationOptions)[]
        {
            ("temperature 0: the most probable character", new() { Temperature = 0 }),
            ("temperature 0.5", new() { Temperature = 0.5 }),
            ("temperature 1", new() { Temperature = 1 }),
            ("temperature 1.5", new() { Temperature = 1.5 }),
            ("temperature 1, top-p 0.9", new() { TopP = 0.9 }),
            ("four beams", new() { Beams = 4 }),
        })
        {
            // Beam search cannot exceed the context.
            options.MaxTokens = options.Beams > 1 ? model.Architecture.ContextLength - Prompt.Length : 160;
            options.Seed = 3;
            options.LogitBias = lesson.NoEnd;
            Lesson.Print(name, model.Generate(Prompt, options));
        }

        var known = TextData.Words(lesson.Text.Train).ToHashSet();
        double[] temperatures = [0.1, 0.3, 0.5, 0.7, 0.85, 1, 1.25, 1.5];
        Dictionary<double, Score> scores = temperatures.ToDictionary(t => t, t => Measure(lesson, known, new() { Temperature = t }));
        Dictionary<double, Score> filtered = temperatures.ToDictionary(
            t => t, t => Measure(lesson, known, new() { Temperature = t, TopP = 0.9 }));

        new Chart("Known and distinct words", "temperature", "words, %")
            .Line("known", [.. scores.Select(s => (s.Key, 100 * s.Value.Known))], color: 0)
            .Line("distinct", [.. scores.Select(s => (s.Key, 100 * s.Value.Distinct))], color: 1)
            .Line("known, top-p 0.9", [.. filtered.Select(s => (s.Key, 100 * s.Value.Known))], color: 9)
            .Line("distinct, top-p 0.9", [.. filtered.Select(s => (s.Key, 100 * s.Value.Distinct))], color: 3)
            .Range(yLow: 0, yHigh: 105).LegendOutside()
            .Save(lesson.Output.File("decoding-temperature.png", "known and distinct words by temperature"));
        var result = new Result(scores, filtered[1]);
        foreach (double t in new[] { 0.5, 1, 1.5 })
        {
            Console.WriteLine($"Temperature {t}: {scores[t].Known:P0} of the words are known, {scores[t].Distinct:P0} distinct; with top-p "
                + $"0.9 {filtered[t].Known:P0} and {filtered[t].Distinct:P0}.");
        }
        return result;
    }

    private static Score Measure(Lesson lesson, HashSet<string> known, TextGenerationOptions options)
    {
        const int texts = 8;
        options.MaxTokens = lesson.Length;
        options.LogitBias = lesson.NoEnd;
        List<string> words = [];
        double distinct = 0;
        for (int seed = 0; seed < texts; seed++)
        {
            options.Seed = seed;
            // The last word may be cut off.
            string[] own = [.. TextData.Words(lesson.Base.Generate(Prompt, options)).SkipLast(1)];
            words.AddRange(own);
            distinct += own.Length == 0 ? 0 : (double)own.Distinct().Count() / own.Length / texts;
        }

        return new Score(words.Count == 0 ? 0 : (double)words.Count(known.Contains) / words.Count, distinct);
    }
}
