using Microsoft.ML;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Schedulers;
using Samples.Shared;

namespace Module07;

/// <summary>Flow matching: straight trajectories from noise to images, beside the curved ones of diffusion.</summary>
internal static class FlowSection
{
    /// <param name="Steps">Steps of the sampler.</param>
    /// <param name="Diffusion">The share of images of the requested class, with DDIM.</param>
    /// <param name="DiffusionGray">The share of their pixels that are neither black nor white.</param>
    /// <param name="Flow">The share of images of the requested class, with flow matching.</param>
    /// <param name="FlowGray">The share of their pixels that are neither black nor white.</param>
    public sealed record Line(int Steps, double Diffusion, double DiffusionGray, double Flow, double FlowGray);

    public static IReadOnlyList<Line> Run(Lesson lesson)
    {
        Lesson.Title("7. Flow matching: straight trajectories");
        using DiffusionTransformer flow = Train(lesson);

        int[] steps = [1, 2, 4, 8, 16, 50];
        // By default DDIM does not start at the last timestep, which matters with few steps.
        using var ddim = new DdimScheduler(new DdimSchedulerOptions
        {
            Schedule = Lesson.Cosine,
            PredictionType = PredictionType.Velocity,
            TimestepSpacing = TimestepSpacing.Trailing,
        });
        int count = lesson.Quick ? 10 : 100;
        int[] labels = Lesson.LabelsInTurn(count);
        List<Line> lines = [];
        List<float[]> shown = [];
        foreach (int n in steps)
        {
            float[][] fromDiffusion = Generate(lesson.Model, ddim, n), fromFlow = Generate(flow, null, n);
            lines.Add(new Line(
                n, lesson.Classifier.Accuracy(fromDiffusion, labels), NearestNeighbors.Gray(fromDiffusion),
                lesson.Classifier.Accuracy(fromFlow, labels), NearestNeighbors.Gray(fromFlow)));
            shown.AddRange([.. fromDiffusion[..5], .. fromFlow[..5]]);
        }

        lesson.SaveImages("flow-matching.png", "diffusion with DDIM (left) and flow matching (right) in few steps", shown, 10, [
            .. steps.Select(n => n == 1 ? "1 step" : $"{n} steps")]);
        foreach (Line line in lines)
        {
            Console.WriteLine($"{line.Steps,3} steps: {line.Diffusion,5:P0} of the requested class with DDIM ({line.DiffusionGray:P1} of "
                + $"the pixels gray), {line.Flow,5:P0} with flow matching ({line.FlowGray:P1})");
        }
        return lines;

        float[][] Generate(DiffusionTransformer model, NoiseScheduler? scheduler, int n) =>
            Lesson.Images(model.Generate(count, new DiffusionGenerateOptions
            {
                Seed = 1,
                Labels = labels,
                GuidanceScale = 1,
                Scheduler = scheduler,
                Steps = n,
                CancellationToken = lesson.Cancellation,
            }));
    }

    private static DiffusionTransformer Train(Lesson lesson)
    {
        using var progress = new ConsoleProgress("flow matching");
        return lesson.ML.Transforms.Generative().Diffusion(new DiffusionOptions
        {
            InputColumnName = "Image",
            LabelColumnName = "Label",
            Process = DiffusionProcess.FlowMatching,
            BlockChannels = lesson.Quick ? [8, 16, 16] : [16, 32, 64],
            NoiseSchedule = Lesson.Cosine,
            MaxSteps = lesson.Quick ? 60 : 1_000,
            BatchSize = lesson.Quick ? 16 : 32,
            LearningRate = 1e-3,
            EmaDecay = 0.99,
            Seed = 1,
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(lesson.Train);
    }
}
