using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module04;

/// <summary>Interpolation from one image to another: of the pixels, and of the latent vectors.</summary>
internal static class InterpolationSection
{
    public sealed record Result(double GrayOfPixels, double GrayOfLatent);

    private const int Steps = 11;

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("3. Interpolation");
        var vae = lesson.Plain;
        var one = lesson.TestImages.OneOfEach();

        (int From, int To)[] pairs = [(0, 6), (4, 9), (1, 8), (3, 5)];
        lesson.SaveImages(
            "interpolation-rows.png", "from one image to another: pixels and latent vectors",
            pairs.SelectMany(pair =>
                OfPixels(one[pair.From], one[pair.To]).Concat(Lesson.Images(vae.Interpolate(one[pair.From], one[pair.To], Steps)))),
            columns: Steps, scale: 3,
            rowCaptions: [.. Enumerable.Range(0, 2 * pairs.Length).Select(row => row % 2 == 0 ? "pixels" : "latent")]);

        Corners(lesson, [one[0], one[7], one[2], one[4]]);

        // Neighbors in the test data whose classes differ.
        var (images, labels) = (lesson.TestImages.Images, lesson.TestImages.Labels);
        int[] firsts = [.. Enumerable.Range(0, images.Length - 1).Where(i => labels[i] != labels[i + 1]).Take(100)];
        var pixels = MeanGray(firsts.Select(i => OfPixels(vae.Decode(vae.Encode(images[i])), vae.Decode(vae.Encode(images[i + 1])))));
        var latent = MeanGray(firsts.Select(i => Lesson.Images(vae.Interpolate(images[i], images[i + 1], Steps))));
        new Chart(
            $"Gray pixels during interpolation, mean of {firsts.Length} pairs", "interpolation weight", "pixels between 0.25 and 0.75, %")
            .Line("pixels", [.. pixels.Select((gray, i) => (i / (Steps - 1.0), 100 * gray))])
            .Line("latent vectors", [.. latent.Select((gray, i) => (i / (Steps - 1.0), 100 * gray))])
            .Range(yLow: 0)
            .Save(lesson.Output.File("interpolation-gray.png", "gray pixels during interpolation"));
        Console.WriteLine($"At the ends {pixels[0]:P1} of the pixels are gray; halfway {pixels[Steps / 2]:P1} with mixed pixels, "
            + $"{latent[Steps / 2]:P1} with mixed latent vectors.");
        return new Result(pixels[Steps / 2], latent[Steps / 2]);
    }

    private static void Corners(Lesson lesson, float[][] corners)
    {
        const int side = 9;
        var vae = lesson.Plain;
        float[][] z = [.. corners.Select(image => vae.Encode(image))];
        var images = Enumerable.Range(0, side * side).Select(i =>
        {
            float x = i % side / (side - 1f), y = i / side / (side - 1f);
            return vae.Decode(Mix(Mix(z[0], z[1], x), Mix(z[2], z[3], x), y));
        });
        lesson.SaveImages("interpolation-corners.png", "interpolation between four images in the corners", images, side, padding: 0);
    }

    private static float[][] OfPixels(float[] from, float[] to) =>
        [.. Enumerable.Range(0, Steps).Select(i => Mix(from, to, i / (Steps - 1f)))];

    private static float[] Mix(float[] from, float[] to, float weight) => [.. from.Zip(to, (a, b) => float.Lerp(a, b, weight))];

    private static double[] MeanGray(IEnumerable<float[][]> paths)
    {
        var all = paths.ToArray();
        return [.. Enumerable.Range(0, Steps)
            .Select(i => all.Average(path => path[i].Average(pixel => pixel is > 0.25f and < 0.75f ? 1.0 : 0)))];
    }
}
