using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Tokenizers;
using Samples.Shared;

namespace Module09;

/// <summary>What a model remembers of its training data: the exposure of canaries.</summary>
internal static class PrivacySection
{
    /// <summary>Canaries that were inserted equally often.</summary>
    /// <param name="Times">How often each is in the text.</param>
    /// <param name="Exposures">Of each, in bits.</param>
    /// <param name="Deduplicated">Of each after a training on the text in which no canary comes twice.</param>
    /// <param name="Extracted">How many of them the model writes when it is asked.</param>
    public sealed record Row(int Times, IReadOnlyList<double> Exposures, IReadOnlyList<double> Deduplicated, int Extracted);

    private const int OfEach = 4;
    private static readonly int[] _times = [0, 1, 4, 16];

    public static IReadOnlyList<Row> Run(Lesson lesson)
    {
        Lesson.Title("11. Privacy: what a model remembers");
        string[] candidates = [.. Enumerable.Range(0, lesson.Quick ? 1_000 : 10_000).Select(i => $"\nMy code is {i:D4}.\n")];
        var random = new Random(1);
        random.Shuffle(candidates);
        string[] canaries = candidates[..(OfEach * _times.Length)];
        int[] times = [.. canaries.Select((_, i) => _times[i / OfEach])];

        using LanguageModelTransformer model = Train(lesson, "with canaries", Insert(lesson, canaries, times));
        using LanguageModelTransformer deduplicated =
            Train(lesson, "without repetitions", Insert(lesson, canaries, [.. times.Select(count => Math.Min(count, 1))]));
        IReadOnlyList<ExposureMetrics> exposures = lesson.ML.Generative().EvaluateExposure(model, canaries, candidates);
        IReadOnlyList<ExposureMetrics> after = lesson.ML.Generative().EvaluateExposure(deduplicated, canaries, candidates);
        HashSet<string> written = [.. Enumerable.Range(0, lesson.Quick ? 20 : 200).Select(seed =>
            $"\nMy code is {model.Generate("\nMy code is ", new() { MaxTokens = 4, Seed = seed })}.\n")];

        Row[] rows = [.. _times.Select((count, group) =>
        {
            int[] own = [.. Enumerable.Range(group * OfEach, OfEach)];
            return new Row(
                count, [.. own.Select(i => exposures[i].Exposure)], [.. own.Select(i => after[i].Exposure)],
                own.Count(i => written.Contains(canaries[i])));
        })];
        Console.WriteLine($"{"inserted",-10}{"exposure, bits",16}{"each once",11}{"written",9}");
        foreach (Row row in rows)
        {
            Console.WriteLine($"{row.Times,-10}{row.Exposures.Average(),16:F1}{row.Deduplicated.Average(),11:F1}"
                + $"{row.Extracted,5} of {OfEach}");
        }

        string[] labels = [.. rows.Select(row => row.Times == 1 ? "once" : row.Times == 0 ? "never" : $"{row.Times} times")];
        new Chart("Exposure of canaries", "", "bits")
            .Bars(
                labels, ("as inserted", [.. rows.Select(row => row.Exposures.Average())]),
                ("no line twice", [.. rows.Select(row => row.Deduplicated.Average())]))
            .Save(lesson.Output.File("exposure.png", "exposure of canaries by how often they were inserted"));
        return rows;
    }

    // Between lines of the play, at random places.
    private static string Insert(Lesson lesson, string[] canaries, int[] times)
    {
        var random = new Random(2);
        List<string> lines = [.. lesson.Play.Train[..Math.Min(lesson.Play.Train.Length, lesson.Quick ? 20_000 : 100_000)].Split('\n')];
        foreach ((string canary, int count) in canaries.Zip(times))
        {
            for (int i = 0; i < count; i++)
                lines.Insert(random.Next(lines.Count), canary.Trim('\n'));
        }

        return string.Join('\n', lines);
    }

    private static LanguageModelTransformer Train(Lesson lesson, string title, string text)
    {
        using var progress = new ConsoleProgress(title);
        return lesson.ML.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            Tokenizer = GenerativeTokenizers.CharacterLevel([lesson.Play.Train, lesson.Play.Validation, "0123456789", "My code is."]),
            Architecture = LanguageModelArchitecture.LlamaNano with
            {
                Layers = 2,
                Heads = 4,
                EmbeddingSize = lesson.Quick ? 32 : 96,
                ContextLength = 64,
            },
            BatchSize = 16,
            MaxSteps = lesson.Quick ? 150 : 1_000,
            LearningRate = 3e-3,
            EmaDecay = 0.99,
            Seed = 1,
            Threads = 1,
            Precision = ComputePrecision.Float32,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(lesson.Rows(text));
    }
}
