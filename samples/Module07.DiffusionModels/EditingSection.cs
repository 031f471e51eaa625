using System.Numerics.Tensors;
using Microsoft.ML.Generative;

namespace Module07;

/// <summary>Editing given images: variations, inpainting, interpolation.</summary>
internal static class EditingSection
{
    public sealed record Result(IReadOnlyList<double> Changes, double KeptDifference);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("5. Editing: variations, inpainting, interpolation");
        DiffusionTransformer model = lesson.Model;
        var options = new DiffusionGenerateOptions
        {
            Seed = 1,
            GuidanceScale = 1,
            Sampler = DiffusionSampler.Ddim,
            Steps = lesson.Steps(50),
            CancellationToken = lesson.Cancellation,
        };

        double[] strengths = [0.2, 0.4, 0.6, 0.8];
        float[] seven = lesson.Example(7);
        List<float[]> changed = [];
        List<double> changes = [];
        foreach (double strength in strengths)
        {
            options.Label = 7;
            float[][] variations = Lesson.Images(model.ImageToImage(seven, strength, 7, options));
            changes.Add(variations.Average(image => (double)TensorPrimitives.Distance<float>(image, seven)));
            changed.AddRange([seven, .. variations]);
        }

        lesson.SaveImages(
            "image-to-image.png", "variations of an image, by strength", changed, 8, [.. strengths.Select(s => $"strength {s}")],
            ["given", .. Enumerable.Repeat("generated", 7)], scale: 3);

        float[] eight = lesson.Example(8),
            mask = [.. Enumerable.Range(0, eight.Length).Select(i => i / Lesson.Side < Lesson.Side / 2 ? 0f : 1f)];
        float[] hidden = [.. eight.Zip(mask, (value, m) => m == 1 ? 0.5f : value)];
        options.Label = null;
        float[][] once = Lesson.Images(model.Inpaint(eight, mask, 6, options));
        float[][] often = Lesson.Images(model.Inpaint(eight, mask, 6, options, resamplings: lesson.Quick ? 2 : 5));
        lesson.SaveImages(
            "inpainting.png", "a lower half that is inpainted, in one pass and with resampling",
            [eight, hidden, .. once, eight, hidden, .. often], 8, ["one pass", "resampling"],
            ["given", "masked", .. Enumerable.Repeat("generated", 6)], scale: 3);

        options.Steps = lesson.Quick ? 10 : 100;
        float[][] between = [.. Between(lesson.Example(0), lesson.Example(4)), .. Between(lesson.Example(2), lesson.Example(7))];
        lesson.SaveImages(
            "interpolation.png", "from one image to another by their noise", between, 10,
            columnCaptions: ["given", .. Enumerable.Repeat("generated", 8), "given"], scale: 3);

        var result = new Result(
            changes, once.Max(d => d.Zip(eight).Where((_, i) => mask[i] == 0).Max(pair => Math.Abs(pair.First - pair.Second))));
        Console.WriteLine($"Distances of variations with strength {string.Join(", ", strengths)} to the given image: "
            + $"{string.Join(", ", changes.Select(c => c.ToString("F1")))}.");
        Console.WriteLine($"The largest difference of a pixel that the mask keeps is {result.KeptDifference:F6}.");
        return result;

        float[][] Between(float[] first, float[] last) => [first, .. Lesson.Images(model.Interpolate(first, last, 8, options)), last];
    }
}
