using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module09;

/// <summary>The model that all others of the lesson begin with.</summary>
internal static class BaseSection
{
    public sealed record Result(double Play, double Names, double Telegrams);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("1. The base model");
        using var progress = new ConsoleProgress("base model");
        lesson.Base = lesson.ML.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            Tokenizer = lesson.Characters,
            Architecture = LanguageModelArchitecture.LlamaNano with
            {
                Layers = lesson.Quick ? 2 : 4,
                Heads = 4,
                EmbeddingSize = lesson.Quick ? 64 : 128,
                ContextLength = 64,
            },
            BatchSize = 16,
            MaxSteps = lesson.Quick ? 300 : 1_500,
            EmaDecay = 0.99,
            Generation = new TextGenerationOptions { MaxTokens = 160, Temperature = 0.8, Seed = 1 },
            Threads = 1,
            Precision = ComputePrecision.Float32,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(lesson.Rows(lesson.Play.Train));

        var result = new Result(
            lesson.Perplexity(lesson.Base, lesson.Play), lesson.Perplexity(lesson.Base, lesson.Names),
            lesson.Perplexity(lesson.Base, lesson.Telegrams));
        Console.WriteLine($"{lesson.Base.Architecture.CountParameters():N0} parameters. Perplexity on the play {result.Play:F2}, on names "
            + $"{result.Names:F1}, on telegrams {result.Telegrams:F1}.");
        Lesson.Print("the base model continues \"KING\":", lesson.Base.Generate("KING"));
        return result;
    }
}
