using Microsoft.ML.Generative;

namespace Module07;

/// <summary>Flow matching: a straight way from noise to pictures, beside the curved one of diffusion.</summary>
internal static class FlowSection
{
    public sealed record Line(int Steps, double Diffusion, double Flow);

    public static IReadOnlyList<Line> Run(Lesson lesson)
    {
        Lesson.Title("7. Flow matching: straight to the picture");
        DiffusionOptions flowOptions = lesson.Options();
        (flowOptions.Process, flowOptions.MaxSteps) = (DiffusionProcess.FlowMatching, flowOptions.MaxSteps / 2);
        DiffusionTransformer flow = lesson.Fit("flow matching", flowOptions).Model;

        int[] steps = [1, 2, 4, 8, 16, 50];
        int count = lesson.Quick ? 10 : 100;
        int[] labels = Lesson.InTurn(count);
        List<Line> lines = [];
        List<float[]> shown = [];
        foreach (int n in steps)
        {
            float[][] fromDiffusion = Draw(lesson.Model, n), fromFlow = Draw(flow, n);
            lines.Add(new Line(n, lesson.Judge.Agreement(fromDiffusion, labels), lesson.Judge.Agreement(fromFlow, labels)));
            shown.AddRange([.. fromDiffusion[..5], .. fromFlow[..5]]);
        }

        lesson.Draw("flow-matching.png", "diffusion with DDIM (left) and flow matching (right) in few steps", shown, 10, [.. steps.Select(n => n == 1 ? "1 step" : $"{n} steps")]);
        foreach (Line line in lines)
            Console.WriteLine($"{line.Steps,3} steps: {line.Diffusion,5:P0} as asked for with DDIM, {line.Flow,5:P0} with flow matching");
        return lines;

        float[][] Draw(DiffusionTransformer model, int n)
        {
            DiffusionGenerateOptions options = lesson.Drawing(DiffusionSampler.Default, 50);
            (options.Steps, options.Labels) = (n, labels);
            return Lesson.Pictures(model.Generate(count, options));
        }
    }
}
