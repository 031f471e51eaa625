using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module04;

/// <summary>A VAE that is conditioned on the class, and generates images of a requested class.</summary>
internal static class ConditionalSection
{
    public sealed record Result(double ClassAccuracy, double RealAccuracy, double ClassInPlain, double ClassInConditional);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("5. Conditional generation");
        const int classes = Lesson.Classes;
        using VaeTransformer vae = Train(lesson);

        // The seed is the same in each row, and so are the latent vectors: only the class differs.
        const int columns = 12;
        lesson.SaveImages(
            "conditional-classes.png", "one row for each class, one latent vector for each column",
            Enumerable.Range(0, classes).SelectMany(label => Lesson.Images(vae.Generate(columns, new() { Label = label, Seed = 3 }))),
            columns, scale: 3, rowCaptions: lesson.ClassNames);

        // The style of one image in all classes.
        var rows = lesson.TestImages.OneOfEach().Select((image, label) => (Image: image, Style: vae.Encode(image, label))).ToArray();
        lesson.SaveImages(
            "conditional-style.png", "the style of each test image in all classes",
            rows.SelectMany(row => Enumerable.Range(0, classes).Select(label => vae.Decode(row.Style, label)).Prepend(row.Image)),
            columns: classes + 1, scale: 3, columnCaptions: ["image", .. lesson.ClassNames]);

        const int perClass = 50;
        var classifier = new Neighbors(lesson.KnownImages.Images, lesson.KnownImages.Labels);
        double Accuracy(double temperature) => Enumerable.Range(0, classes).Average(label => classifier.Accuracy(
            Lesson.Images(vae.Generate(perClass, new() { Label = label, Seed = 4, Temperature = temperature })),
            [.. Enumerable.Repeat(label, perClass)]));
        var (generated, typical) = (Accuracy(1), Accuracy(0.7));
        var real = classifier.Accuracy(lesson.TestImages.Images, lesson.TestImages.Labels);
        Console.WriteLine($"The nearest real images are of the requested class for {generated:P1} of {perClass * classes} generated "
            + $"images, {typical:P1} at temperature 0.7, and of the right class for {real:P1} of the test images.");

        var (inPlain, inConditional) = (lesson.ClassFromLatent(lesson.Plain), lesson.ClassFromLatent(vae));
        Console.WriteLine($"The class is predicted from the latent vector for {inConditional:P1} of the test images if the model is "
            + $"conditioned on the class, for {inPlain:P1} if not.");
        return new Result(generated, real, inPlain, inConditional);
    }

    private static VaeTransformer Train(Lesson lesson)
    {
        using var progress = new ConsoleProgress("conditional VAE");
        return lesson.ML.Transforms.Generative().Vae(new VaeOptions
        {
            InputColumnName = "Image",
            LabelColumnName = "Label",
            LatentSize = 8,
            // The first of two layers of the decoder combines class and latent vector before the pixels.
            HiddenSizes = [400, 400],
            Epochs = lesson.Epochs,
            Threads = 1,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        }).Fit(lesson.Train);
    }
}
