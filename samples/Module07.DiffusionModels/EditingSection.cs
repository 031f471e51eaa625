using Microsoft.ML.Generative;

namespace Module07;

/// <summary>Drawing from images that are there: variations, missing parts, ways from one to another.</summary>
internal static class EditingSection
{
    public sealed record Result(IReadOnlyList<double> Changes, double KeptDifference);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("5. Editing: changing, completing, mixing");
        DiffusionTransformer model = lesson.Model;
        DiffusionGenerateOptions options = lesson.Drawing(DiffusionSampler.Ddim, 50);

        double[] strengths = [0.2, 0.4, 0.6, 0.8];
        float[] seven = lesson.Example(7);
        List<float[]> changed = [];
        List<double> changes = [];
        foreach (double strength in strengths)
        {
            options.Label = 7;
            float[][] drawn = Lesson.Images(model.ImageToImage(seven, strength, 7, options));
            changes.Add(drawn.Average(d => (double)System.Numerics.Tensors.TensorPrimitives.Distance<float>(d, seven)));
            changed.AddRange([seven, .. drawn]);
        }

        lesson.Draw("image-to-image.png", "an image (left) changed more and more", changed, 8, [.. strengths.Select(s => $"strength {s}")]);

        float[] eight = lesson.Example(8), mask = [.. Enumerable.Range(0, eight.Length).Select(i => i / Lesson.Side < Lesson.Side / 2 ? 0f : 1f)];
        float[] hidden = [.. eight.Zip(mask, (value, m) => m == 1 ? 0.5f : value)];
        options.Label = null;
        float[][] once = Lesson.Images(model.Inpaint(eight, mask, 6, options));
        float[][] often = Lesson.Images(model.Inpaint(eight, mask, 6, options, resamplings: lesson.Quick ? 2 : 5));
        lesson.Draw("inpainting.png", "a lower half that is drawn again, in one pass and with resampling", [eight, hidden, .. once, eight, hidden, .. often], 8, ["one pass", "resampling"]);

        options.Steps = lesson.Quick ? 10 : 100;
        float[][] between = [.. Between(lesson.Example(0), lesson.Example(4)), .. Between(lesson.Example(2), lesson.Example(7))];
        lesson.Draw("interpolation.png", "from one image to another through their noise", between, 10);

        var result = new Result(changes, once.Max(d => d.Zip(eight).Where((_, i) => mask[i] == 0).Max(pair => Math.Abs(pair.First - pair.Second))));
        Console.WriteLine($"Images drawn with strength {string.Join(", ", strengths)} are {string.Join(", ", changes.Select(c => c.ToString("F1")))} from the one that was given.");
        Console.WriteLine($"What the mask keeps differs by {result.KeptDifference:F6} at most.");
        return result;

        float[][] Between(float[] first, float[] last) => [first, .. Lesson.Images(model.Interpolate(first, last, 8, options)), last];
    }
}
