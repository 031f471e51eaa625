using System.Numerics.Tensors;
using Microsoft.ML;
using Microsoft.ML.Generative;
using TorchSharp;

namespace Module05;

/// <summary>The latent space: interpolation, truncation, projection of given images, and the model as a file.</summary>
internal static class LatentSection
{
    /// <param name="MiddleNorm">The length of the z halfway on the sphere and on the straight line, relative to the ends.</param>
    /// <param name="LargestStep">The largest change between neighbors during interpolation, relative to the change from end to end.</param>
    /// <param name="Truncated">The quality of images by truncation.</param>
    /// <param name="Projected">The root mean square difference between test images and their projections.</param>
    /// <param name="ProjectedNegatives">The same for their negatives, which are no digits.</param>
    /// <param name="LoadedDifference">The largest difference of a pixel after the model was saved and loaded.</param>
    /// <param name="FileSize">The size of the model file in bytes.</param>
    public sealed record Result(
        (double Sphere, double Line) MiddleNorm, double LargestStep, IReadOnlyList<(double? Truncation, Quality Quality)> Truncated,
        double Projected, double ProjectedNegatives, double LoadedDifference, long FileSize);

    private const int Frames = 10;

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("6. The latent space");
        GanTransformer model = lesson.Generator;
        var (middle, largestStep) = Interpolate(lesson, model);
        var truncated = Truncate(lesson, model);
        var (projected, negatives) = Project(lesson, model);
        var (difference, size) = SaveAndLoad(lesson, model);
        return new Result(middle, largestStep, truncated, projected, negatives, difference, size);
    }

    private static ((double Sphere, double Line) MiddleNorm, double LargestStep) Interpolate(Lesson lesson, GanTransformer model)
    {
        List<float[]> shown = [];
        double largest = 0;
        (double Sphere, double Line) norms = default;
        for (int path = 0; path < 3; path++)
        {
            float[] from = model.SampleLatent(seed: 10 + path), to = model.SampleLatent(seed: 20 + path);
            float[][] sphere = Lesson.Images(model.Interpolate(from, to, Frames));
            float[][] line = [.. Enumerable.Range(0, Frames).Select(i => model.Decode(Between(from, to, i / (Frames - 1f))))];
            shown.AddRange([.. sphere, .. line]);
            double whole = TensorPrimitives.Distance<float>(sphere[0], sphere[^1]);
            largest = Math.Max(
                largest, Enumerable.Range(1, Frames - 1).Max(i => TensorPrimitives.Distance<float>(sphere[i - 1], sphere[i])) / whole);
            norms.Line += TensorPrimitives.Norm<float>(Between(from, to, 0.5f)) / Mean(from, to) / 3;
            norms.Sphere += TensorPrimitives.Norm<float>(Middle(from, to)) / Mean(from, to) / 3;
        }

        lesson.SaveImages("latent-interpolation.png", "from one z to another: on the sphere and on the straight line", shown, Frames,
        [
            "sphere", "line", "sphere", "line", "sphere", "line",
        ]);
        Console.WriteLine($"Halfway, the length of z relative to the ends is {norms.Sphere:F2} on the sphere, {norms.Line:F2} on the line. "
            + $"The largest of {Frames - 1} changes is {largest:P0} of the change from end to end.");
        return (norms, largest);

        static float[] Between(float[] a, float[] b, float t) => [.. a.Zip(b, (x, y) => (1 - t) * x + t * y)];
        static double Mean(float[] a, float[] b) => (TensorPrimitives.Norm<float>(a) + TensorPrimitives.Norm<float>(b)) / 2;
    }

    // Spherical interpolation at one half: both have the same weight, and the length is kept.
    private static float[] Middle(float[] a, float[] b)
    {
        double angle = Math.Acos(TensorPrimitives.CosineSimilarity<float>(a, b));
        float weight = (float)(Math.Sin(angle / 2) / Math.Sin(angle));
        return [.. a.Zip(b, (x, y) => weight * (x + y))];
    }

    private static List<(double? Truncation, Quality Quality)> Truncate(Lesson lesson, GanTransformer model)
    {
        double?[] bounds = [null, 1, 0.5, 0.2];
        List<(double?, Quality)> result = [];
        List<float[]> shown = [];
        Quality.PrintHeader();
        foreach (double? bound in bounds)
        {
            IDataView generated = model.Generate(lesson.GeneratedCount, new() { Seed = 1, Truncation = bound });
            shown.AddRange(Lesson.Images(generated, count: 12));
            Quality quality = lesson.Evaluate(bound is null ? "no truncation" : $"truncation {bound}", generated);
            quality.Print(Lesson.Classes);
            result.Add((bound, quality));
        }

        lesson.SaveImages(
            "truncation.png", "rising truncation of z", shown, 12, [.. bounds.Select(bound => bound is null ? "none" : $"{bound}")]);
        return result;
    }

    private static (double Images, double Negatives) Project(Lesson lesson, GanTransformer model)
    {
        float[][] images = lesson.TestImages.OneOfEach();
        float[][] negatives = [.. images.Select(image => Array.ConvertAll(image, value => 1 - value))];
        float[][] projections = [.. images.Select(Nearest)], ofNegatives = [.. negatives.Select(Nearest)];
        lesson.SaveImages(
            "projection.png", "test images and their negatives, with their projections",
            [.. images, .. projections, .. negatives, .. ofNegatives], images.Length, ["real", "projection", "negative", "projection"]);
        var (error, negativeError) = (Error(images, projections), Error(negatives, ofNegatives));
        Console.WriteLine($"The projections of test images differ from them by {error:F3} (root mean square), those of their negatives by "
            + $"{negativeError:F3}.");
        return (error, negativeError);

        float[] Nearest(float[] image)
        {
            float[] z = model.Project(
                image, new GanProjectOptions { Seed = 1, Steps = lesson.Quick ? 50 : 300, CancellationToken = lesson.Cancellation });
            return model.Decode(z);
        }

        static double Error(float[][] a, float[][] b) =>
            Math.Sqrt(a.Zip(b).Average(pair => Math.Pow(TensorPrimitives.Distance<float>(pair.First, pair.Second), 2) / pair.First.Length));
    }

    private static (double Difference, long Size) SaveAndLoad(Lesson lesson, GanTransformer model)
    {
        string folder = Directory.CreateTempSubdirectory("module05-").FullName;
        try
        {
            string file = Path.Combine(folder, "gan.zip");
            lesson.ML.Model.Save(model, lesson.Train.Schema, file);
            using var loaded = (GanTransformer)lesson.ML.Model.Load(file, out _);
            float[] z = model.SampleLatent(seed: 1);
            double difference = model.Decode(z).Zip(loaded.Decode(z), (a, b) => (double)Math.Abs(a - b)).Max();
            long size = new FileInfo(file).Length;
            Console.WriteLine($"The file of the generator has {size / 1024.0:F0} KiB; the largest difference of a pixel after loading is "
                + $"{difference:F6}.");
            return (difference, size);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
