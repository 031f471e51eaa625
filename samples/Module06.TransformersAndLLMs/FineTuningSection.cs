using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module06;

/// <summary>Supervised fine-tuning: from a model that goes on with a play to one that obeys commands.</summary>
internal static class FineTuningSection
{
    public sealed record Result(double Before, double Tuned, double Scratch, double TunedLoss, double ScratchLoss);

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
        var result = new Result(
            Obeyed(test.Select(scene => lesson.Base.Generate(scene.Prompt, tuning.Generation)), test),
            Obeyed(Answers(lesson, tuned.Model, test), test), Obeyed(Answers(lesson, fresh.Model, test), test),
            tuned.History[^1].Loss, fresh.History[^1].Loss);
        Console.WriteLine($"Commands with unseen words obeyed to the letter: {result.Before:P0} before, {result.Tuned:P0} after fine-tuning, {result.Scratch:P0} where the same training began with random weights.");
        return result;
    }

    private static LanguageModelOptions Options(Lesson lesson, LanguageModelTransformer? model)
    {
        var options = lesson.Options(lesson.Quick ? 400 : 1_000);
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

    private static double Obeyed(IEnumerable<string> answers, Court.Scene[] scenes) =>
        answers.Zip(scenes).Count(pair => pair.First == pair.Second.Answer) / (double)scenes.Length;

    private static string Quote(string text) => $"\"{text.ReplaceLineEndings("\\n")}\"";
}
