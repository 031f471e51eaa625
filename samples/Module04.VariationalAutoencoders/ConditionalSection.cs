using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module04;

/// <summary>A VAE that is told the class, and so draws the class that is asked for.</summary>
internal static class ConditionalSection
{
    public sealed record Result(double Obeyed, double RealRecognized, double ClassInPlain, double ClassInConditional);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("5. Conditional generation");
        var classes = lesson.ClassNames.Length;
        // The first of two layers in the decoder lets class and latent vector meet before pixels are made.
        var vae = lesson.Fit("conditional VAE", new VaeOptions { LatentSize = 8, LabelColumnName = "Label", HiddenSizes = [400, 400], Epochs = lesson.Epochs });

        // The seed is the same in each row: so are the latent vectors, and only the class differs.
        const int columns = 12;
        lesson.Draw(
            "conditional-classes.png", "one row for each class, one latent vector for each column",
            Enumerable.Range(0, classes).SelectMany(label => Lesson.Column(vae.Generate(columns, new() { Label = label, Seed = 3 }))),
            columns, scale: 3, rowCaptions: lesson.ClassNames);

        // The style of one image, in all classes.
        var rows = lesson.TestImages.OneOfEach().Select((image, label) => (Image: image, Style: vae.Encode(image, label))).ToArray();
        lesson.Draw(
            "conditional-style.png", "each test image's style in all classes",
            rows.SelectMany(row => Enumerable.Range(0, classes).Select(label => vae.Decode(row.Style, label)).Prepend(row.Image)),
            columns: classes + 1, scale: 3, columnCaptions: ["image", .. lesson.ClassNames]);

        const int perClass = 50;
        var judge = new Neighbors(lesson.TrainImages.Images, lesson.TrainImages.Labels);
        double Obeyed(double temperature) => Enumerable.Range(0, classes).Average(label => judge.Accuracy(
            Lesson.Column(vae.Generate(perClass, new() { Label = label, Seed = 4, Temperature = temperature })), [.. Enumerable.Repeat(label, perClass)]));
        var (obeyed, typical) = (Obeyed(1), Obeyed(0.7));
        var real = judge.Accuracy(lesson.TestImages.Images, lesson.TestImages.Labels);
        Console.WriteLine($"The nearest real images are of the class that was asked for in {obeyed:P1} of {perClass * classes} new images, {typical:P1} at temperature 0.7; of real test images in {real:P1}.");

        var (inPlain, inConditional) = (lesson.ClassFromLatent(lesson.Plain), lesson.ClassFromLatent(vae));
        Console.WriteLine($"The latent vector tells the class rightly for {inConditional:P1} of the test images where the model is given it, for {inPlain:P1} where it is not.");
        return new Result(obeyed, real, inPlain, inConditional);
    }
}
