using System.Diagnostics;
using Microsoft.ML.Generative;

namespace Module07;

/// <summary>One network, many ways to draw with it.</summary>
internal static class SamplersSection
{
    public sealed record Line(string Name, int Steps, double SecondsAPicture, double Agreement);

    public static IReadOnlyList<Line> Run(Lesson lesson)
    {
        Lesson.Title("3. Samplers: the same noise, fewer steps");
        (string Name, DiffusionSampler Sampler, int Steps)[] samplers =
        [
            ("DDPM, 1,000 steps", DiffusionSampler.Ddpm, 1_000),
            ("DDIM, 50 steps", DiffusionSampler.Ddim, 50),
            ("DPM-Solver++, 20 steps", DiffusionSampler.DpmSolver, 20),
            ("UniPC, 10 steps", DiffusionSampler.UniPc, 10),
            ("DDIM, 10 steps", DiffusionSampler.Ddim, 10),
        ];

        int[] labels = Lesson.InTurn(Lesson.Classes);
        List<Line> lines = [];
        List<float[]> pictures = [];
        foreach (var (name, sampler, steps) in samplers)
        {
            DiffusionGenerateOptions options = lesson.Drawing(sampler, steps);
            options.Labels = labels;
            var watch = Stopwatch.StartNew();
            float[][] drawn = Lesson.Pictures(lesson.Model.Generate(Lesson.Classes, options));
            lines.Add(new Line(name, options.Steps!.Value, watch.Elapsed.TotalSeconds / Lesson.Classes, lesson.Judge.Agreement(drawn, labels)));
            pictures.AddRange(drawn);
        }

        lesson.Draw("samplers.png", "the same noise with five samplers", pictures, Lesson.Classes, [.. samplers.Select(s => s.Name)]);
        foreach (Line line in lines)
            Console.WriteLine($"{line.Name,-24} {1000 * line.SecondsAPicture,8:F0} ms a picture, {line.Agreement,5:P0} as asked for");
        return lines;
    }
}
