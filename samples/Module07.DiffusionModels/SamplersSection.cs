using System.Diagnostics;
using System.Numerics.Tensors;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module07;

/// <summary>One network, many ways to draw with it.</summary>
internal static class SamplersSection
{
    /// <param name="Name">The sampler and its steps.</param>
    /// <param name="SecondsAImage">How long it takes.</param>
    /// <param name="Agreement">The share of images that look like their class.</param>
    /// <param name="Distance">How far they are from those of the way itself, as a root mean square of pixels.</param>
    public sealed record Line(string Name, double SecondsAImage, double Agreement, double Distance);

    /// <param name="Lines">Samplers with as many steps as they are used with.</param>
    /// <param name="Errors">By sampler: distances by the number of steps.</param>
    public sealed record Result(IReadOnlyList<Line> Lines, IReadOnlyDictionary<string, (double Steps, double Distance)[]> Errors);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("3. Samplers: the same noise, fewer steps");
        int[] labels = Lesson.InTurn(Lesson.Classes);
        float[][] way = Draw(DiffusionSampler.DpmSolver, 200);

        (string Name, DiffusionSampler Sampler, int Steps)[] samplers =
        [
            ("DDPM, 1,000 steps", DiffusionSampler.Ddpm, 1_000),
            ("DDIM, 50 steps", DiffusionSampler.Ddim, 50),
            ("DPM-Solver++, 20 steps", DiffusionSampler.DpmSolver, 20),
            ("UniPC, 10 steps", DiffusionSampler.UniPc, 10),
            ("DDIM, 10 steps", DiffusionSampler.Ddim, 10),
        ];
        List<Line> lines = [];
        List<float[]> images = [];
        foreach (var (name, sampler, steps) in samplers)
        {
            var watch = Stopwatch.StartNew();
            float[][] drawn = Draw(sampler, steps);
            lines.Add(new Line(name, watch.Elapsed.TotalSeconds / Lesson.Classes, lesson.Judge.Agreement(drawn, labels), Distance(drawn, way)));
            images.AddRange(drawn);
        }

        lesson.Draw("samplers.png", "the same noise with five samplers", images, Lesson.Classes, [.. samplers.Select(s => s.Name)]);
        foreach (Line line in lines)
            Console.WriteLine($"{line.Name,-24} {1000 * line.SecondsAImage,8:F0} ms an image, {line.Agreement,5:P0} as asked for, {line.Distance:F3} from the way itself");
        return new Result(lines, Errors());

        float[][] Draw(DiffusionSampler sampler, int steps)
        {
            DiffusionGenerateOptions options = lesson.Drawing(sampler, steps);
            options.Labels = labels;
            return Lesson.Images(lesson.Model.Generate(Lesson.Classes, options));
        }

        Dictionary<string, (double Steps, double Distance)[]> Errors()
        {
            (string Name, DiffusionSampler Sampler)[] solvers =
                [("DDIM", DiffusionSampler.Ddim), ("Euler", DiffusionSampler.Euler), ("DPM-Solver++", DiffusionSampler.DpmSolver), ("UniPC", DiffusionSampler.UniPc)];
            int[] steps = lesson.Quick ? [20, 80] : [5, 10, 20, 40];
            var errors = solvers.ToDictionary(s => s.Name, s => steps.Select(n => (Steps: (double)n, Distance: Distance(Draw(s.Sampler, n), way))).ToArray());
            var chart = new Chart("How far from the way itself", "steps", "root mean square of the pixels' difference", logX: true, logY: true);
            foreach (var (name, points) in errors)
                chart.Line(name, points);
            chart.Legend().Save(lesson.Output.File("sampler-errors.png", "how exactly samplers follow the way"));
            foreach (var (name, points) in errors)
                Console.WriteLine($"{name,-12} {string.Join(", ", points.Select(p => $"{p.Steps} steps: {p.Distance:F4}"))}");
            return errors;
        }
    }

    private static double Distance(float[][] drawn, float[][] way) =>
        Math.Sqrt(drawn.Zip(way).Average(pair => Math.Pow(TensorPrimitives.Distance<float>(pair.First, pair.Second), 2) / pair.First.Length));
}
