using Microsoft.ML;
using Microsoft.ML.Generative;

namespace Module07;

/// <summary>A model as a folder in the layout of Python's diffusers.</summary>
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
            string[] files = [.. Directory.GetFiles(folder, "*", SearchOption.AllDirectories)
                .Select(f => Path.GetRelativePath(folder, f).Replace('\\', '/')).Order(StringComparer.Ordinal)];
            using DiffusionTransformer loaded = lesson.ML.Generative().LoadPretrainedDiffusion(folder);

            var options = new DiffusionGenerateOptions
            {
                Seed = 1,
                Label = 5,
                GuidanceScale = 1,
                Sampler = DiffusionSampler.Ddim,
                Steps = lesson.Steps(20),
            };
            float[] ours = Lesson.Images(lesson.Model.Generate(1, options))[0], theirs = Lesson.Images(loaded.Generate(1, options))[0];
            var result = new Result(files, ours.Zip(theirs, (a, b) => Math.Abs(a - b)).Max());
            Console.WriteLine($"The folder has {string.Join(", ", files)}.");
            Console.WriteLine($"The largest difference of a pixel of an image that the loaded model generates is {result.Difference:F6}.");
            return result;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
