using System.Numerics.Tensors;
using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module01;

/// <summary>New images: generated for a class, compared with the training images, and between one image and another.</summary>
internal static class GenerationSection
{
    /// <summary>What was computed.</summary>
    /// <param name="ClassAccuracy">The share of generated images that the classifier assigns to the requested class.</param>
    /// <param name="GeneratedDistance">The mean distance of a generated image to the nearest training image.</param>
    /// <param name="TestDistance">The same of test images.</param>
    public sealed record Result(double ClassAccuracy, double GeneratedDistance, double TestDistance);

    private const int Steps = 11;

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("4. New images");
        const int columns = 12;
        lesson.SaveImages(
            "generated-classes.png", "generated images, a row for each class",
            Enumerable.Range(0, Lesson.Classes)
                .SelectMany(label => Lesson.Images(lesson.Generator.Generate(columns, new() { Label = label, Seed = 3 }))),
            columns, rowCaptions: lesson.ClassNames);

        int perClass = lesson.Quick ? 20 : 100;
        (float[] Image, int Label)[] generated = [.. Enumerable.Range(0, Lesson.Classes)
            .SelectMany(label =>
                Lesson.Images(lesson.Generator.Generate(perClass, new() { Label = label, Seed = 4 })).Select(image => (image, label)))];
        IEnumerable<int> predicted = ClassesSection.Classify(lesson, generated.Select(row => row.Image))
            .Select(scores => Numbers.IndexOfMax(scores));
        double accuracy = Numbers.Accuracy(predicted, generated.Select(row => row.Label));

        // Is it a copy?
        var known = lesson.TrainImages.Images;
        (float[] Image, float Distance)[] Nearest(IEnumerable<float[]> images) =>
            [.. images.AsParallel().AsOrdered()
                .Select(image => known.Select(other => (other, TensorPrimitives.Distance(image, other))).MinBy(pair => pair.Item2))];
        float[][] some = [.. generated.Where((_, i) => i % perClass == i / perClass).Select(row => row.Image)];
        lesson.SaveImages(
            "generated-nearest.png", "generated images and the nearest training images",
            some.Concat(Nearest(some).Select(pair => pair.Image)),
            some.Length, rowCaptions: ["generated", "nearest"]);
        double Distance(IEnumerable<float[]> images) => Nearest(images).Average(pair => pair.Distance);
        var result = new Result(
            accuracy, Distance(generated.Select(row => row.Image).Where((_, i) => i % (perClass / 20) == 0)),
            Distance(lesson.TestImages.Images.Take(200)));

        Interpolate(lesson);
        Console.WriteLine(
            $"The classifier predicts the requested class for {result.ClassAccuracy:P1} of {generated.Length:N0} generated images.");
        Console.WriteLine($"Distance to the nearest training image: generated images {result.GeneratedDistance:F2}, test images "
            + $"{result.TestDistance:F2}.");
        return result;
    }

    // Without labels, so that the path can lead from class to class.
    private static void Interpolate(Lesson lesson)
    {
        using var progress = new ConsoleProgress("p(image)");
        using VaeTransformer vae = lesson.ML.Transforms.Generative().Vae(new VaeOptions
        {
            InputColumnName = "Image",
            LatentSize = 8,
            BatchSize = 64,
            Epochs = lesson.Quick ? 12 : 15,
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(lesson.TrainRows);

        float[][] one = lesson.TestImages.OneOfEach();
        (int From, int To)[] pairs = [(0, 6), (3, 8), (4, 9), (7, 2)];
        lesson.SaveImages(
            "generated-interpolation.png", "from one image to another",
            pairs.SelectMany(pair => Lesson.Images(vae.Interpolate(one[pair.From], one[pair.To], Steps))),
            Steps, rowCaptions: [.. pairs.Select(pair => $"{lesson.ClassNames[pair.From]} to {lesson.ClassNames[pair.To]}")]);
    }
}
