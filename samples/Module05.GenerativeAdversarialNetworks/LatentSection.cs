using System.Numerics.Tensors;
using Microsoft.ML;
using Microsoft.ML.Generative;
using TorchSharp;

namespace Module05;

/// <summary>The space of z: walks through it, truncation, the z of images that were not drawn, and the model as a file.</summary>
internal static class LatentSection
{
    /// <param name="MiddleNorm">The length of the z half-way on the sphere and on the straight line, as a part of that at the ends.</param>
    /// <param name="LargestStep">The largest change between neighbors on the walks, as a part of the change from end to end.</param>
    /// <param name="Truncated">How good images are by truncation.</param>
    /// <param name="Projected">The root mean square of the pixels' difference of test images and what is found for them.</param>
    /// <param name="ProjectedNegatives">The same of their negatives, which are no digits.</param>
    /// <param name="LoadedDifference">By how much a pixel differs, at most, after the model was saved and loaded.</param>
    /// <param name="FileSize">The model's size in bytes.</param>
    public sealed record Result(
        (double Sphere, double Line) MiddleNorm, double LargestStep, IReadOnlyList<(double? Truncation, Judgement Judgement)> Truncated,
        double Projected, double ProjectedNegatives, double LoadedDifference, long FileSize);

    private const int Frames = 10;

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("6. The space of z");
        GanTransformer model = lesson.Generator;
        var (middle, largestStep) = Walk(lesson, model);
        var truncated = Truncate(lesson, model);
        var (projected, negatives) = Project(lesson, model);
        var (difference, size) = SaveAndLoad(lesson, model);
        return new Result(middle, largestStep, truncated, projected, negatives, difference, size);
    }

    private static ((double Sphere, double Line) MiddleNorm, double LargestStep) Walk(Lesson lesson, GanTransformer model)
    {
        List<float[]> shown = [];
        double largest = 0;
        (double Sphere, double Line) norms = default;
        for (int walk = 0; walk < 3; walk++)
        {
            float[] from = model.SampleLatent(seed: 10 + walk), to = model.SampleLatent(seed: 20 + walk);
            float[][] sphere = Lesson.Images(model.Interpolate(from, to, Frames));
            float[][] line = [.. Enumerable.Range(0, Frames).Select(i => model.Decode(Between(from, to, i / (Frames - 1f))))];
            shown.AddRange([.. sphere, .. line]);
            double whole = TensorPrimitives.Distance<float>(sphere[0], sphere[^1]);
            largest = Math.Max(largest, Enumerable.Range(1, Frames - 1).Max(i => TensorPrimitives.Distance<float>(sphere[i - 1], sphere[i])) / whole);
            norms.Line += TensorPrimitives.Norm<float>(Between(from, to, 0.5f)) / Mean(from, to) / 3;
            norms.Sphere += TensorPrimitives.Norm<float>(Middle(from, to)) / Mean(from, to) / 3;
        }

        lesson.Draw("latent-walk.png", "from one z to another, on the sphere and on the straight line", shown, Frames, ["sphere", "line", "sphere", "line", "sphere", "line"]);
        Console.WriteLine($"Half-way, z is {norms.Sphere:F2} as long as at the ends on the sphere, {norms.Line:F2} on the line. The largest of the {Frames - 1} changes on a walk is {largest:P0} of the change from end to end.");
        return (norms, largest);

        static float[] Between(float[] a, float[] b, float t) => [.. a.Zip(b, (x, y) => (1 - t) * x + t * y)];
        static double Mean(float[] a, float[] b) => (TensorPrimitives.Norm<float>(a) + TensorPrimitives.Norm<float>(b)) / 2;
    }

    // Slerp at one half: both count equally, and the sum is as long as they are.
    private static float[] Middle(float[] a, float[] b)
    {
        double angle = Math.Acos(TensorPrimitives.CosineSimilarity<float>(a, b));
        float weight = (float)(Math.Sin(angle / 2) / Math.Sin(angle));
        return [.. a.Zip(b, (x, y) => weight * (x + y))];
    }

    private static List<(double? Truncation, Judgement Judgement)> Truncate(Lesson lesson, GanTransformer model)
    {
        double?[] bounds = [null, 1, 0.5, 0.2];
        List<(double?, Judgement)> result = [];
        List<float[]> shown = [];
        Judgement.PrintHead();
        foreach (double? bound in bounds)
        {
            IDataView drawn = model.Generate(lesson.Drawn, new() { Seed = 1, Truncation = bound });
            shown.AddRange(Lesson.Images(drawn, 12));
            Judgement judged = lesson.Judge(bound is null ? "no truncation" : $"truncation {bound}", drawn);
            judged.Print(lesson.Classes);
            result.Add((bound, judged));
        }

        lesson.Draw("truncation.png", "z kept nearer and nearer to 0", shown, 12, [.. bounds.Select(bound => bound is null ? "none" : $"{bound}")]);
        return result;
    }

    private static (double Images, double Negatives) Project(Lesson lesson, GanTransformer model)
    {
        float[][] images = lesson.TestImages.OneOfEach();
        float[][] negatives = [.. images.Select(image => Array.ConvertAll(image, value => 1 - value))];
        float[][] found = [.. images.Select(Nearest)], foundNegatives = [.. negatives.Select(Nearest)];
        lesson.Draw(
            "projection.png", "test images and their negatives, and the nearest that the generator can draw",
            [.. images, .. found, .. negatives, .. foundNegatives], images.Length, ["real", "found", "negative", "found"]);
        var (error, negativeError) = (Error(images, found), Error(negatives, foundNegatives));
        Console.WriteLine($"What is found for test images differs by {error:F3} (root mean square of the pixels), for their negatives by {negativeError:F3}.");
        return (error, negativeError);

        float[] Nearest(float[] image)
        {
            lesson.CheckCancelled();
            float[] z = model.Project(image, new GanProjectOptions { Seed = 1, Steps = lesson.Quick ? 50 : 300 });
            return model.Decode(z);
        }

        static double Error(float[][] a, float[][] b) => Math.Sqrt(a.Zip(b).Average(pair => Math.Pow(TensorPrimitives.Distance<float>(pair.First, pair.Second), 2) / pair.First.Length));
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
            Console.WriteLine($"Saved, the generator takes {size / 1024.0:F0} KiB; loaded again, it draws from the same z what it drew before, up to {difference:F6}.");
            return (difference, size);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
