using Microsoft.ML.Generative;

namespace Module07;

/// <summary>Classifier-free guidance: how strongly the class is held to.</summary>
internal static class GuidanceSection
{
    public sealed record Line(double Scale, double Agreement, double Variety);

    public static IReadOnlyList<Line> Run(Lesson lesson)
    {
        Lesson.Title("4. Guidance: clearer classes, less variety");
        double[] scales = [1, 2, 4, 8];
        int count = lesson.Quick ? 20 : 100;
        int[] labels = Lesson.InTurn(count);
        List<Line> lines = [];
        List<float[]> shown = [];
        foreach (double scale in scales)
        {
            DiffusionGenerateOptions options = lesson.Drawing(DiffusionSampler.DpmSolver, 20, scale);
            options.Labels = labels;
            float[][] drawn = Lesson.Images(lesson.Model.Generate(count, options));
            lines.Add(new Line(scale, lesson.Judge.Agreement(drawn, labels), Variety(drawn)));
            shown.AddRange(drawn[..Lesson.Classes]);
        }

        lesson.Draw("guidance.png", "the same noise with rising guidance", shown, Lesson.Classes, [.. scales.Select(s => $"guidance {s}")]);
        foreach (Line line in lines)
            Console.WriteLine($"guidance {line.Scale}: {line.Agreement:P0} as asked for; two images of a class differ by {line.Variety:F2}");
        return lines;
    }

    // The mean distance of neighbors in a class.
    private static double Variety(float[][] drawn) => Enumerable.Range(0, drawn.Length - Lesson.Classes)
        .Average(i => (double)System.Numerics.Tensors.TensorPrimitives.Distance<float>(drawn[i], drawn[i + Lesson.Classes]));
}
