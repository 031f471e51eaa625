using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module06;

/// <summary>Supervised fine-tuning: from a model that continues a play to one that obeys commands.</summary>
internal static class FineTuningSection
{
    /// <summary>The answers to commands with unseen words.</summary>
    /// <param name="Exact">The share of answers that are exactly right.</param>
    /// <param name="Form">
    /// The share of answers of the right form: in lower case, in upper case with an exclamation mark, or with hyphens.
    /// </param>
    public readonly record struct Score(double Exact, double Form)
    {
        public override string ToString() => $"{Exact:P0} exactly right, {Form:P0} of the right form";
    }

    public sealed record Result(
        Score Before, Score Tuned, Score Scratch, double TunedLoss, double ScratchLoss, double CopyingBefore, double CopyingAfter);

    private static readonly TextGenerationOptions _greedy = new() { Temperature = 0, MaxTokens = 20 };

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("7. Fine-tuning");
        var (trainWords, testWords) = Court.Words(lesson.Text.Train + lesson.Text.Validation, train: 3_000, test: 60);
        IDataView train = lesson.ML.Data.LoadFromEnumerable(Court.Scenes(trainWords));
        Court.Scene[] test = Court.Scenes(testWords);
        Console.WriteLine($"{trainWords.Length} words to train on, {testWords.Length} others to test with; three commands.");

        var (tuned, tunedHistory) = FineTune(lesson, train);
        var (scratch, scratchHistory) = TrainFromScratch(lesson, train);
        using var owned = scratch;
        lesson.Tuned = tuned;

        new Chart("Fine-tuning", "step", "−log p(character of the answer), nats")
            .Line("from the base model", Lesson.Curve(tunedHistory))
            .Line("from random weights", Lesson.Curve(scratchHistory))
            .Range(yLow: 0)
            .Save(lesson.Output.File("finetuning-loss.png", "fine-tuning, and training from random weights"));

        foreach (var scene in test.Take(6))
        {
            Console.WriteLine($"{scene.Prompt.Split('\n')[1],-16} before: {Quote(lesson.Base.Generate(scene.Prompt, _greedy)),-28} after: "
                + $"{Quote(tuned.Generate(scene.Prompt, _greedy))}");
        }
        var (copyingBefore, copyingAfter) = CopyingHead.Plot(lesson);
        var result = new Result(
            Compare(test.Select(scene => lesson.Base.Generate(scene.Prompt, _greedy)), test),
            Compare(Answers(lesson, tuned, test), test), Compare(Answers(lesson, scratch, test), test),
            tunedHistory[^1].Loss, scratchHistory[^1].Loss, copyingBefore, copyingAfter);
        Console.WriteLine($"Commands with unseen words: before, {result.Before}; after fine-tuning, {result.Tuned}; after the same "
            + $"training from random weights, {result.Scratch}.");
        return result;
    }

    private static (LanguageModelTransformer Model, IReadOnlyList<TrainingProgress> History) FineTune(Lesson lesson, IDataView train)
    {
        using var progress = new ConsoleProgress("fine-tuning");
        LanguageModelTransformer model = lesson.ML.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            // Training starts from a copy of the base model, with its tokenizer.
            BaseModel = lesson.Base,
            PromptColumnName = nameof(Court.Scene.Prompt),
            InputColumnName = nameof(Court.Scene.Answer),
            BatchSize = 32,
            MaxSteps = lesson.Quick ? 300 : 500,
            EmaDecay = 0.99,
            Generation = _greedy,
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(train);
        return (model, progress.History);
    }

    private static (LanguageModelTransformer Model, IReadOnlyList<TrainingProgress> History) TrainFromScratch(
        Lesson lesson, IDataView train)
    {
        using var progress = new ConsoleProgress("the same from random weights");
        LanguageModelTransformer model = lesson.ML.Transforms.Generative().LanguageModel(new LanguageModelOptions
        {
            Tokenizer = lesson.Characters,
            Architecture = lesson.Base.Architecture,
            PromptColumnName = nameof(Court.Scene.Prompt),
            InputColumnName = nameof(Court.Scene.Answer),
            BatchSize = 32,
            MaxSteps = lesson.Quick ? 300 : 500,
            EmaDecay = 0.99,
            Generation = _greedy,
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(train);
        return (model, progress.History);
    }

    // A fine-tuned model completes the rows of its prompt column.
    private static IEnumerable<string> Answers(Lesson lesson, LanguageModelTransformer model, Court.Scene[] scenes) =>
        model.Transform(lesson.ML.Data.LoadFromEnumerable(scenes)).GetColumn<string>("Completion");

    private static Score Compare(IEnumerable<string> answers, Court.Scene[] scenes)
    {
        var pairs = answers.Zip(scenes).ToArray();
        return new Score(
            pairs.Average(pair => pair.First == pair.Second.Answer ? 1.0 : 0),
            pairs.Average(pair => Court.Form(pair.First) == Court.Form(pair.Second.Answer) ? 1.0 : 0));
    }

    private static string Quote(string text) => $"\"{text.ReplaceLineEndings("\\n")}\"";
}
