using Microsoft.ML;
using Microsoft.ML.Generative;

namespace Module06;

/// <summary>A model as an ML.NET file, with its tokenizer.</summary>
internal static class SavingSection
{
    public sealed record Result(string Before, string After);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("8. Save and load");
        string path = lesson.Output.File("court.zip", "the fine-tuned model");
        IDataView scenes = lesson.ML.Data.LoadFromEnumerable(Court.Scenes(["thunder"]));
        lesson.ML.Model.Save(lesson.Tuned, scenes.Schema, path);

        using var loaded = (LanguageModelTransformer)lesson.ML.Model.Load(path, out _);
        string prompt = Court.Prompt("shout thunder");
        var result = new Result(lesson.Tuned.Generate(prompt), loaded.Generate(prompt));
        Console.WriteLine($"court.zip, {new FileInfo(path).Length / 1e6:F1} MB: the loaded model answers \"{result.After}\", the saved "
            + $"model \"{result.Before}\".");
        return result;
    }
}
