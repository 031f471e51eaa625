using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module04;

/// <summary>A VAE that is told the class, and so draws the class that is asked for.</summary>
internal static class ConditionalSection
{
    public sealed record Result(double Obeyed, double RealRecognised, double KlPlain, double KlConditional);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("5. Conditional generation");
        var classes = lesson.ClassNames.Length;
        var vae = lesson.Fit("conditional VAE", new VaeOptions { LatentSize = 16, LabelColumnName = "Label" });

        // The seed is the same in each row: so are the latent vectors, and only the class differs.
        const int columns = 12;
        lesson.Draw(
            "conditional-classes.png", "one row for each class, one latent vector for each column",
            Enumerable.Range(0, classes).SelectMany(label => Lesson.Pictures(vae.Generate(columns, new() { Label = label, Seed = 3 }))),
            columns, scale: 3, rowCaptions: lesson.ClassNames);

        // The style of one picture, in all classes.
        var rows = lesson.TestPictures.OneOfEach().Select((picture, label) => (Picture: picture, Style: vae.Encode(picture, label))).ToArray();
        lesson.Draw(
            "conditional-style.png", "each test picture's style in all classes",
            rows.SelectMany(row => Enumerable.Range(0, classes).Select(label => vae.Decode(row.Style, label)).Prepend(row.Picture)),
            columns: classes + 1, scale: 3, columnCaptions: ["picture", .. lesson.ClassNames]);

        const int perClass = 50;
        var judge = new Neighbours(lesson.TrainPictures.Images, lesson.TrainPictures.Labels);
        var obeyed = Enumerable.Range(0, classes).Average(label =>
            judge.Accuracy(Lesson.Pictures(vae.Generate(perClass, new() { Label = label, Seed = 4 })), [.. Enumerable.Repeat(label, perClass)]));
        var real = judge.Accuracy(lesson.TestPictures.Images, lesson.TestPictures.Labels);

        VaeMetrics conditional = lesson.ML.Generative().EvaluateVae(vae.Transform(lesson.Test));
        VaeMetrics plain = lesson.ML.Generative().EvaluateVae(lesson.Plain.Transform(lesson.Test));
        Console.WriteLine($"The nearest real pictures are of the class that was asked for in {obeyed:P1} of {perClass * classes} new pictures (of real test pictures: {real:P1}).");
        Console.WriteLine($"The latent vector carries {conditional.KlDivergence:F1} nats where the class is given, {plain.KlDivergence:F1} where it is not; −ELBO is {conditional.NegativeElbo:F1} and {plain.NegativeElbo:F1}.");
        return new Result(obeyed, real, plain.KlDivergence, conditional.KlDivergence);
    }
}
