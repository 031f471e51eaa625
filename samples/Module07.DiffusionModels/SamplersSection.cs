using System.Diagnostics;
using System.Numerics.Tensors;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module07;

/// <summary>One network, many samplers.</summary>
internal static class SamplersSection
{
    /// <param name="Name">The sampler and its steps.</param>
    /// <param name="SecondsPerImage">The time per image.</param>
    /// <param name="ClassAccuracy">The share of images of the requested class.</param>
    /// <param name="Distance">The root mean square difference to the images of the exact trajectory.</param>
    public sealed record Line(string Name, double SecondsPerImage, double ClassAccuracy, double Distance);

    /// <param name="Lines">Samplers with their usual number of steps.</param>
    /// <param name="Errors">By sampler: the distance by the number of steps.</param>
    public sealed record Result(IReadOnlyList<Line> Lines, IReadOnlyDictionary<string, (double Steps, double Distance)[]> Errors);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("3. Samplers: the same noise, fewer steps");
        int[] labels = Lesson.LabelsInTurn(Lesson.Classes);
        // 200 steps of DPM-Solver++ are as good as the exact trajectory.
        float[][] exact = Generate(DiffusionSampler.DpmSolver, 200);

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
            float[][] generated = Generate(sampler, steps);
            lines.Add(new Line(
                name, watch.Elapsed.TotalSeconds / Lesson.Classes, lesson.Classifier.Accuracy(generated, labels),
                Distance(generated, exact)));
            images.AddRange(generated);
        }

        lesson.SaveImages("samplers.png", "the same noise with five samplers", images, Lesson.Classes, [.. samplers.Select(s => s.Name)]);
        foreach (Line line in lines)
        {
            Console.WriteLine($"{line.Name,-24} {1000 * line.SecondsPerImage,8:F0} ms per image, {line.ClassAccuracy,5:P0} of the "
                + $"requested class, {line.Distance:F3} from the exact trajectory");
        }
        return new Result(lines, Errors());

        float[][] Generate(DiffusionSampler sampler, int steps) =>
            Lesson.Images(lesson.Model.Generate(Lesson.Classes, new DiffusionGenerateOptions
            {
                Seed = 1,
                Labels = labels,
                Sampler = sampler,
                Steps = lesson.Steps(steps),
                GuidanceScale = 1,
                CancellationToken = lesson.Cancellation,
            }));

        Dictionary<string, (double Steps, double Distance)[]> Errors()
        {
            (string Name, DiffusionSampler Sampler)[] solvers =
                [
                    ("DDIM", DiffusionSampler.Ddim), ("Euler", DiffusionSampler.Euler), ("DPM-Solver++", DiffusionSampler.DpmSolver),
                    ("UniPC", DiffusionSampler.UniPc),
                ];
            int[] steps = lesson.Quick ? [20, 80] : [5, 10, 20, 40];
            var errors = solvers.ToDictionary(
                s => s.Name, s => steps.Select(n => (Steps: (double)n, Distance: Distance(Generate(s.Sampler, n), exact))).ToArray());
            var chart = new Chart("Distance from the exact trajectory", "steps", "root mean square difference", logX: true, logY: true);
            foreach (var (name, points) in errors)
                chart.Line(name, points);
            chart.Save(lesson.Output.File("sampler-errors.png", "errors of samplers by steps"));
            foreach (var (name, points) in errors)
                Console.WriteLine($"{name,-12} {string.Join(", ", points.Select(p => $"{p.Steps} steps: {p.Distance:F4}"))}");
            return errors;
        }
    }

    private static double Distance(float[][] images, float[][] others) =>
        Math.Sqrt(
            images.Zip(others).Average(pair => Math.Pow(TensorPrimitives.Distance<float>(pair.First, pair.Second), 2) / pair.First.Length));
}
