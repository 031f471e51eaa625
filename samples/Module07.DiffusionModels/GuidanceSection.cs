using System.Numerics.Tensors;
using Microsoft.ML.Generative;

namespace Module07;

/// <summary>Classifier-free guidance: clearer classes, less diversity.</summary>
internal static class GuidanceSection
{
    public sealed record Line(double Scale, double ClassAccuracy, double Diversity);

    public static IReadOnlyList<Line> Run(Lesson lesson)
    {
        Lesson.Title("4. Guidance: clearer classes, less diversity");
        double[] scales = [1, 2, 4, 8];
        int count = lesson.Quick ? 20 : 100;
        int[] labels = Lesson.LabelsInTurn(count);
        List<Line> lines = [];
        List<float[]> shown = [];
        foreach (double scale in scales)
        {
            float[][] generated = Lesson.Images(lesson.Model.Generate(count, new DiffusionGenerateOptions
            {
                Seed = 1,
                Labels = labels,
                GuidanceScale = scale,
                Sampler = DiffusionSampler.DpmSolver,
                Steps = lesson.Steps(20),
                CancellationToken = lesson.Cancellation,
            }));
            lines.Add(new Line(scale, lesson.Classifier.Accuracy(generated, labels), Diversity(generated)));
            shown.AddRange(generated[..Lesson.Classes]);
        }

        lesson.SaveImages(
            "guidance.png", "the same noise with rising guidance", shown, Lesson.Classes, [.. scales.Select(s => $"guidance {s}")]);
        foreach (Line line in lines)
        {
            Console.WriteLine($"guidance {line.Scale}: {line.ClassAccuracy:P0} of the requested class; two images of a class differ by "
                + $"{line.Diversity:F2}");
        }
        return lines;
    }

    // The mean distance between two images of the same class.
    private static double Diversity(float[][] images) => Enumerable.Range(0, images.Length - Lesson.Classes)
        .Average(i => (double)TensorPrimitives.Distance<float>(images[i], images[i + Lesson.Classes]));
}
