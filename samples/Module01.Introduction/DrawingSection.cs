using System.Numerics.Tensors;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module01;

/// <summary>New images: drawn for a class, compared with those that were learned, and on the way from one to another.</summary>
internal static class DrawingSection
{
    /// <summary>What was computed.</summary>
    /// <param name="Obeyed">The share of new images that the classifier takes for the class that was asked for.</param>
    /// <param name="DrawnDistance">The mean distance of a new image to the nearest one learned from.</param>
    /// <param name="TestDistance">The same of test images.</param>
    public sealed record Result(double Obeyed, double DrawnDistance, double TestDistance);

    private const int Steps = 11;

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("4. New images");
        const int columns = 12;
        lesson.Draw(
            "drawn-classes.png", "new images, a row for each class",
            Enumerable.Range(0, Lesson.Classes).SelectMany(label => Lesson.Column(lesson.Generator.Generate(columns, new() { Label = label, Seed = 3 }))),
            columns, rows: lesson.ClassNames);

        int perClass = lesson.Quick ? 20 : 100;
        (float[] Image, int Label)[] drawn = [.. Enumerable.Range(0, Lesson.Classes)
            .SelectMany(label => Lesson.Column(lesson.Generator.Generate(perClass, new() { Label = label, Seed = 4 })).Select(image => (image, label)))];
        double obeyed = Lesson.Share(lesson.Classify(drawn.Select(row => row.Image)).Select(scores => Lesson.IndexOfMax(scores)), drawn.Select(row => row.Label));

        // Is it a copy?
        var known = lesson.TrainImages.Images;
        (float[] Image, float Distance)[] Nearest(IEnumerable<float[]> images) =>
            [.. images.AsParallel().AsOrdered().Select(image => known.Select(other => (other, TensorPrimitives.Distance(image, other))).MinBy(pair => pair.Item2))];
        float[][] some = [.. drawn.Where((_, i) => i % perClass == i / perClass).Select(row => row.Image)];
        lesson.Draw(
            "drawn-nearest.png", "new images above the nearest that were learned", some.Concat(Nearest(some).Select(pair => pair.Image)),
            some.Length, rows: ["drawn", "nearest known"]);
        double Distance(IEnumerable<float[]> images) => Nearest(images).Average(pair => pair.Distance);
        var result = new Result(obeyed, Distance(drawn.Select(row => row.Image).Where((_, i) => i % (perClass / 20) == 0)), Distance(lesson.TestImages.Images.Take(200)));

        Walk(lesson);
        Console.WriteLine($"The classifier finds the class that was asked for in {result.Obeyed:P1} of {drawn.Length:N0} new images.");
        Console.WriteLine($"Distance to the nearest image learned from: new images {result.DrawnDistance:F2}, test images {result.TestDistance:F2}.");
        return result;
    }

    // Without labels, so that the way may lead from class to class.
    private static void Walk(Lesson lesson)
    {
        using VaeTransformer vae = lesson.Fit("p(image)", new VaeOptions { InputColumnName = "Image", LatentSize = 8 });
        var one = lesson.TestImages.OneOfEach();
        (int From, int To)[] pairs = [(0, 6), (3, 8), (4, 9), (7, 2)];
        lesson.Draw(
            "drawn-walk.png", "from one image to another",
            pairs.SelectMany(pair => Lesson.Column(vae.Interpolate(one[pair.From], one[pair.To], Steps))),
            Steps, rows: [.. pairs.Select(pair => $"{lesson.ClassNames[pair.From]} to {lesson.ClassNames[pair.To]}")]);
    }
}
