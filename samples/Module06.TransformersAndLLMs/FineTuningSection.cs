using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module06;

/// <summary>Supervised fine-tuning: from a model that goes on with a play to one that obeys commands.</summary>
internal static class FineTuningSection
{
    /// <summary>How commands with unseen words were obeyed.</summary>
    /// <param name="Exact">The share of answers that are right to the letter.</param>
    /// <param name="Form">The share of answers of the right form: in small letters, in capitals with a mark, or with hyphens.</param>
    public readonly record struct Score(double Exact, double Form)
    {
        public override string ToString() => $"{Exact:P0} right to the letter, {Form:P0} of the right form";
    }

    public sealed record Result(Score Before, Score Tuned, Score Scratch, double TunedLoss, double ScratchLoss, double CopyingBefore, double CopyingAfter);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("7. Fine-tuning");
        var (trainWords, testWords) = Court.Words(lesson.Text.Train + lesson.Text.Validation, train: 3_000, test: 60);
        IDataView train = lesson.ML.Data.LoadFromEnumerable(Court.Scenes(trainWords));
        Court.Scene[] test = Court.Scenes(testWords);
        Console.WriteLine($"{trainWords.Length} words to learn with, {testWords.Length} others to test with; three commands.");

        LanguageModelOptions tuning = Options(lesson, lesson.Base);
        LanguageModelOptions scratch = Options(lesson, null);
        var tuned = lesson.Fit("fine-tuning", tuning, train);
        var fresh = lesson.Fit("the same from random weights", scratch, train);
        lesson.Tuned = tuned.Model;

        new Chart("Learning to obey", "step", "−log p(character of the answer), nats")
            .Line("from the trained model", Lesson.Curve(tuned.History))
            .Line("from random weights", Lesson.Curve(fresh.History))
            .Range(yLow: 0)
            .Save(lesson.Output.File("finetuning-loss.png", "fine-tuning, and the same from random weights"));

        foreach (var scene in test.Take(6))
            Console.WriteLine($"{scene.Prompt.Split('\n')[1],-16} before: {Quote(lesson.Base.Generate(scene.Prompt, tuning.Generation)),-28} after: {Quote(tuned.Model.Generate(scene.Prompt, tuning.Generation))}");
        var (copyingBefore, copyingAfter) = CopyingHead.Draw(lesson);
        var result = new Result(
            Judge(test.Select(scene => lesson.Base.Generate(scene.Prompt, tuning.Generation)), test),
            Judge(Answers(lesson, tuned.Model, test), test), Judge(Answers(lesson, fresh.Model, test), test),
            tuned.History[^1].Loss, fresh.History[^1].Loss, copyingBefore, copyingAfter);
        Console.WriteLine($"Commands with unseen words: before, {result.Before}; after fine-tuning, {result.Tuned}; where the same training began with random weights, {result.Scratch}.");
        return result;
    }

    private static LanguageModelOptions Options(Lesson lesson, LanguageModelTransformer? model)
    {
        var options = lesson.Options(lesson.Quick ? 300 : 500);
        if (model is not null)
        {
            // The base model brings these.
            options.Tokenizer = null;
            options.Architecture = model.Architecture;
            options.BaseModel = model;
        }

        options.PromptColumnName = nameof(Court.Scene.Prompt);
        options.InputColumnName = nameof(Court.Scene.Answer);
        options.BatchSize = 32;
        options.Generation = new TextGenerationOptions { Temperature = 0, MaxTokens = 20 };
        return options;
    }

    // A tuned model completes the rows of its prompt column.
    private static IEnumerable<string> Answers(Lesson lesson, LanguageModelTransformer model, Court.Scene[] scenes) =>
        model.Transform(lesson.ML.Data.LoadFromEnumerable(scenes)).GetColumn<string>("Completion");

    private static Score Judge(IEnumerable<string> answers, Court.Scene[] scenes)
    {
        var pairs = answers.Zip(scenes).ToArray();
        return new Score(
            pairs.Average(pair => pair.First == pair.Second.Answer ? 1.0 : 0),
            pairs.Average(pair => Court.Form(pair.First) == Court.Form(pair.Second.Answer) ? 1.0 : 0));
    }

    private static string Quote(string text) => $"\"{text.ReplaceLineEndings("\\n")}\"";
}
