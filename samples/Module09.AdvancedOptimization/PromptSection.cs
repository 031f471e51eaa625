using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Tokenizers;
using Samples.Shared;

namespace Module09;

/// <summary>Zero-shot and few-shot prompting: tasks that a prompt names, and tasks that it shows.</summary>
internal static class PromptSection
{
    /// <summary>How many answers are right after a number of examples.</summary>
    /// <param name="Examples">Examples before the question.</param>
    /// <param name="Named">Of known tasks by their names.</param>
    /// <param name="Known">Of known tasks without.</param>
    /// <param name="New">Of tasks that were never seen.</param>
    public sealed record Row(int Examples, double Named, double Known, double New);

    private static readonly string[] _kinds = ["named", "known", "new"];

    public static IReadOnlyList<Row> Run(Lesson lesson)
    {
        Lesson.Title("6. Prompts with and without examples");
        using LanguageModelTransformer model = Train(lesson);
        int questions = lesson.Quick ? 40 : 300;
        List<Row> rows = [];
        foreach (int examples in (int[])[0, 1, 2, 4, 8])
        {
            double[] right = [.. _kinds.Select(kind => Accuracy(lesson, model, [.. Tasks.Questions(kind, examples, questions, seed: 7)]))];
            rows.Add(new Row(examples, right[0], right[1], right[2]));
        }

        foreach (Tasks.Sheet sheet in _kinds.SelectMany(kind => Tasks.Questions(kind, kind == "named" ? 0 : 4, 1, seed: 3)))
            Console.WriteLine($"{sheet.Prompt,-30} right: {sheet.Answer}, the model: {model.Generate(sheet.Prompt)}");
        Console.WriteLine($"{"examples",-10}{"named",8}{"known",8}{"new",8}{"best",8}");
        foreach (Row row in rows)
            Console.WriteLine($"{row.Examples,-10}{row.Named,8:P0}{row.Known,8:P0}{row.New,8:P0}{Tasks.BestAccuracy(row.Examples),8:P0}");

        new Chart("Answers after examples", "examples in the prompt", "right answers, %")
            .Line("a known task, named", [.. rows.Select(row => ((double)row.Examples, 100 * row.Named))])
            .Line("a known task, shown", [.. rows.Select(row => ((double)row.Examples, 100 * row.Known))])
            .Line("a new task, shown", [.. rows.Select(row => ((double)row.Examples, 100 * row.New))])
            .Line("the best for a new task", [.. rows.Select(row => ((double)row.Examples, 100 * Tasks.BestAccuracy(row.Examples)))],
                dashed: true)
            .Range(yLow: 0, yHigh: 105)
            .Save(lesson.Output.File("few-shot.png", "right answers by the number of examples"));
        return rows;
    }

    private static LanguageModelTransformer Train(Lesson lesson)
    {
        using var progress = new ConsoleProgress("tasks");
        return lesson.ML.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            PromptColumnName = nameof(Tasks.Sheet.Prompt),
            InputColumnName = nameof(Tasks.Sheet.Answer),
            Tokenizer = GenerativeTokenizers.CharacterLevel(["abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:> "]),
            Architecture = LanguageModelArchitecture.LlamaNano with
            {
                Layers = 2,
                Heads = lesson.Quick ? 2 : 4,
                EmbeddingSize = lesson.Quick ? 32 : 64,
                ContextLength = 64,
            },
            BatchSize = 32,
            MaxSteps = lesson.Quick ? 60 : 2_000,
            LearningRate = 3e-3,
            Seed = 1,
            Generation = new TextGenerationOptions { MaxTokens = 1, Temperature = 0 },
            Threads = 1,
            Precision = ComputePrecision.Float32,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(lesson.ML.Data.LoadFromEnumerable(Tasks.Training(lesson.Quick ? 2_000 : 40_000, seed: 1)));
    }

    private static double Accuracy(Lesson lesson, LanguageModelTransformer model, Tasks.Sheet[] questions) =>
        model.Transform(lesson.ML.Data.LoadFromEnumerable(questions)).GetColumn<string>("Completion")
            .Zip(questions).Average(pair => pair.First == pair.Second.Answer ? 1.0 : 0);
}
