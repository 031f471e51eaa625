using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module05;

/// <summary>The same game between convolutional networks, which draw digits.</summary>
internal static class DcganSection
{
    public sealed record Result(double ClassifierAccuracy, Judgement Real, Judgement Drawn, IReadOnlyList<TrainingProgress> History);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("2. Digits");
        double accuracy = lesson.ML.MulticlassClassification.Evaluate(lesson.Classifier.Transform(lesson.Test)).MicroAccuracy;
        Console.WriteLine($"The classifier names {accuracy:P1} of the test images rightly; its {lesson.Classifier.FeatureSize} features describe images.");

        GanTransformer model = lesson.Generator;
        IDataView drawn = model.Generate(lesson.Drawn, new() { Seed = 1 });
        lesson.Draw("dcgan.png", "new images, not chosen", Lesson.Images(drawn, 60), 15);
        Charts(lesson, lesson.History);

        Judgement real = lesson.Judge("(training images)", lesson.ML.Data.TakeRows(lesson.Train, lesson.Drawn), "Image");
        Judgement of = lesson.Judge("drawn", drawn);
        Judgement.PrintHead();
        real.Print(lesson.Classes);
        of.Print(lesson.Classes);

        double[] Percent(Judgement j) => [.. Enumerable.Range(0, lesson.Classes).Select(label => 100.0 * j.Read.Count(read => read == label) / j.Read.Length)];
        new Chart("Which classes are drawn", "class, as the classifier reads it", "share of the images, %")
            .Bars(lesson.ClassNames, ("real", Percent(real)), ("drawn", Percent(of))).Legend(outside: true)
            .Save(lesson.Output.File("dcgan-classes.png", "how often each class is drawn"));
        return new Result(accuracy, real, of, lesson.History);
    }

    private static void Charts(Lesson lesson, IReadOnlyList<TrainingProgress> history)
    {
        (double X, double Y)[] Term(string name) => Lesson.Term(history, name);
        Chart.SavePanels(lesson.Output.File("dcgan-health.png", "how the game stands while it is played"),
        [
            new Chart("Losses", "step", "nats").Line("discriminator", Lesson.Smooth([.. history.Select(p => ((double)p.Step, p.Loss))])).Line("generator", Term("generator")).Legend(),
            new Chart("How often the discriminator is right", "step", "share").Line("on real", Term("accuracy on real")).Line("on generated", Term("accuracy on generated"))
                .Range(yLow: 0, yHigh: 1.02).Legend(bottom: true),
            new Chart("How much drawn images vary", "step", "variance, as a part of the real one").Line(null, Term("diversity")).Range(yLow: 0),
            new Chart("How strongly they learn", "step", "norm of the gradient", logY: true)
                .Line("discriminator", Term("gradient of discriminator")).Line("generator", Term("gradient of generator")).Legend(),
        ]);
    }
}
