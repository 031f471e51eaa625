using Microsoft.ML;
using Microsoft.ML.Generative;

namespace Module07;

/// <summary>A model as a folder that Python's diffusers reads, and back.</summary>
internal static class FolderSection
{
    public sealed record Result(IReadOnlyList<string> Files, double Difference);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("6. To and from diffusers");
        string folder = Directory.CreateTempSubdirectory("module07-").FullName;
        try
        {
            lesson.Model.SavePretrained(folder);
            string[] files = [.. Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(folder, f).Replace('\\', '/')).Order(StringComparer.Ordinal)];
            using DiffusionTransformer loaded = lesson.ML.Generative().LoadPretrainedDiffusion(folder);

            DiffusionGenerateOptions options = lesson.Drawing(DiffusionSampler.Ddim, 20);
            options.Label = 5;
            float[] ours = Lesson.Images(lesson.Model.Generate(1, options))[0], theirs = Lesson.Images(loaded.Generate(1, options))[0];
            var result = new Result(files, ours.Zip(theirs, (a, b) => Math.Abs(a - b)).Max());
            Console.WriteLine($"The folder has {string.Join(", ", files)}.");
            Console.WriteLine($"An image that the loaded model draws differs by {result.Difference:F6} at most.");
            return result;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
