using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Schedulers;

namespace Module07;

/// <summary>Flow matching: a straight way from noise to images, beside the curved one of diffusion.</summary>
internal static class FlowSection
{
    /// <param name="Steps">Steps of the sampler.</param>
    /// <param name="Diffusion">The share of images that look like their class, with DDIM.</param>
    /// <param name="DiffusionGray">The share of their pixels between black and white.</param>
    /// <param name="Flow">The same with flow matching.</param>
    /// <param name="FlowGray">And of these.</param>
    public sealed record Line(int Steps, double Diffusion, double DiffusionGray, double Flow, double FlowGray);

    public static IReadOnlyList<Line> Run(Lesson lesson)
    {
        Lesson.Title("7. Flow matching: straight to the image");
        DiffusionOptions diffusionOptions = lesson.Options(), flowOptions = lesson.Options();
        (flowOptions.Process, flowOptions.Prediction) = (DiffusionProcess.FlowMatching, PredictionType.Epsilon);
        DiffusionTransformer flow = lesson.Fit("flow matching", flowOptions).Model;

        int[] steps = [1, 2, 4, 8, 16, 50];
        // By default DDIM never begins at the last timestep, which matters where there are only a few.
        using var ddim = new DdimScheduler(new DdimSchedulerOptions
        {
            Schedule = diffusionOptions.NoiseSchedule,
            PredictionType = diffusionOptions.Prediction,
            TimestepSpacing = TimestepSpacing.Trailing,
        });
        int count = lesson.Quick ? 10 : 100;
        int[] labels = Lesson.InTurn(count);
        List<Line> lines = [];
        List<float[]> shown = [];
        foreach (int n in steps)
        {
            float[][] fromDiffusion = Draw(lesson.Model, ddim, n), fromFlow = Draw(flow, null, n);
            lines.Add(new Line(n, lesson.Judge.Agreement(fromDiffusion, labels), Judge.Gray(fromDiffusion), lesson.Judge.Agreement(fromFlow, labels), Judge.Gray(fromFlow)));
            shown.AddRange([.. fromDiffusion[..5], .. fromFlow[..5]]);
        }

        lesson.Draw("flow-matching.png", "diffusion with DDIM (left) and flow matching (right) in few steps", shown, 10, [.. steps.Select(n => n == 1 ? "1 step" : $"{n} steps")]);
        foreach (Line line in lines)
            Console.WriteLine($"{line.Steps,3} steps: {line.Diffusion,5:P0} as asked for with DDIM ({line.DiffusionGray:P1} of the pixels gray), {line.Flow,5:P0} with flow matching ({line.FlowGray:P1})");
        return lines;

        float[][] Draw(DiffusionTransformer model, NoiseScheduler? scheduler, int n)
        {
            DiffusionGenerateOptions options = lesson.Drawing(DiffusionSampler.Default, 50);
            (options.Steps, options.Labels, options.Scheduler) = (n, labels, scheduler);
            return Lesson.Images(model.Generate(count, options));
        }
    }
}
