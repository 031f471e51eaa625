using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module04;

/// <summary>Ways from one image to another: through the pixels, and through the latent space.</summary>
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
        lesson.Draw(
            "interpolation-rows.png", "from one image to another, through pixels and through the latent space",
            pairs.SelectMany(pair => ThroughPixels(one[pair.From], one[pair.To]).Concat(Lesson.Column(vae.Interpolate(one[pair.From], one[pair.To], Steps)))),
            columns: Steps, scale: 3, rowCaptions: [.. Enumerable.Range(0, 2 * pairs.Length).Select(row => row % 2 == 0 ? "pixels" : "latent")]);

        Corners(lesson, [one[0], one[7], one[2], one[4]]);

        // Neighbors in the test data whose classes differ.
        var (images, labels) = (lesson.TestImages.Images, lesson.TestImages.Labels);
        int[] firsts = [.. Enumerable.Range(0, images.Length - 1).Where(i => labels[i] != labels[i + 1]).Take(100)];
        var pixels = MeanGray(firsts.Select(i => ThroughPixels(vae.Decode(vae.Encode(images[i])), vae.Decode(vae.Encode(images[i + 1])))));
        var latent = MeanGray(firsts.Select(i => Lesson.Column(vae.Interpolate(images[i], images[i + 1], Steps))));
        new Chart($"Gray pixels on the way, mean of {firsts.Length} pairs", "part of the way", "pixels between 0.25 and 0.75, %")
            .Line("pixels mixed", [.. pixels.Select((gray, i) => (i / (Steps - 1.0), 100 * gray))])
            .Line("latent vectors mixed", [.. latent.Select((gray, i) => (i / (Steps - 1.0), 100 * gray))])
            .Range(yLow: 0)
            .Save(lesson.Output.File("interpolation-gray.png", "how half transparent the images between are"));
        Console.WriteLine($"At the ends {pixels[0]:P1} of the pixels are gray; half way {pixels[Steps / 2]:P1} where pixels are mixed, {latent[Steps / 2]:P1} where latent vectors are.");
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
        lesson.Draw("interpolation-corners.png", "four images in the corners, mixed between", images, columns: side, padding: 0);
    }

    private static float[][] ThroughPixels(float[] from, float[] to) => [.. Enumerable.Range(0, Steps).Select(i => Mix(from, to, i / (Steps - 1f)))];

    private static float[] Mix(float[] from, float[] to, float part) => [.. from.Zip(to, (a, b) => float.Lerp(a, b, part))];

    private static double[] MeanGray(IEnumerable<float[][]> ways)
    {
        var all = ways.ToArray();
        return [.. Enumerable.Range(0, Steps).Select(i => all.Average(way => way[i].Average(pixel => pixel is > 0.25f and < 0.75f ? 1.0 : 0)))];
    }
}
