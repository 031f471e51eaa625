using Samples.Shared;

namespace Module02;

/// <summary>A network is a function with many parameters: from an image to the probabilities of the classes.</summary>
internal static class ForwardSection
{
    public sealed record Result(double LossBefore, double LossAfter, double Accuracy, int Dead);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("1. Forward: a network is a function");
        Mlp before = lesson.NewMlp(), after = lesson.NewMlp();
        Training.Run(lesson, after, new Adam(rate: 0.003));
        lesson.Trained = after;

        double[] image = lesson.TestVectors[0];
        var (hidden, probabilities) = after.Forward(image);
        Console.WriteLine(
            $"{Lesson.Pixels} pixels to {after.Hidden} hidden units to {Lesson.Classes} classes: {after.Weights.Length:N0} parameters.");
        Console.WriteLine($"The first test image is of class {lesson.ClassNames[lesson.TestLabels[0]]}. The output of "
            + $"{hidden.Count(h => h > 0)} hidden units is above 0.");

        double[] Percent(Mlp network) => [.. network.Forward(image).Probabilities.Select(p => 100 * p)];
        new Chart($"The first test image, of class {lesson.ClassNames[lesson.TestLabels[0]]}", "class", "probability, %")
            .Bars(lesson.ClassNames, ("before training", Percent(before)), ("after training", Percent(after)))
            .Save(lesson.Output.File("forward-probabilities.png", "the probabilities of an image, before and after training"));

        // Gray is 0, white is positive, black is negative.
        const int shown = 32;
        float[][] templates = [.. Enumerable.Range(0, shown).Select(unit =>
        {
            double[] template = after.Template(unit);
            double largest = template.Max(Math.Abs);
            return Array.ConvertAll(template, w => (float)(0.5 + 0.5 * w / largest));
        })];
        lesson.SaveImages("forward-hidden-units.png", "the weights of hidden units", templates, columns: 8);

        double[][] outputs = [.. lesson.TestVectors.Select(vector => after.Forward(vector).Hidden)];
        int dead = Enumerable.Range(0, after.Hidden).Count(unit => outputs.All(values => values[unit] == 0));
        Console.WriteLine($"The output of {dead} of the {after.Hidden} hidden units is 0 for every test image.");
        var (lossBefore, lossAfter) = (
            before.Loss(lesson.TestVectors, lesson.TestLabels), after.Loss(lesson.TestVectors, lesson.TestLabels));
        double accuracy = after.Accuracy(lesson.TestVectors, lesson.TestLabels);
        Console.WriteLine(
            $"Test loss before training {lossBefore:F3} nats (guessing: ln 10 = {Math.Log(10):F3}), after training {lossAfter:F3}; test "
            + $"accuracy {accuracy:P1}. The largest probability for the first test image is {probabilities.Max():P1}.");
        return new Result(lossBefore, lossAfter, accuracy, dead);
    }
}
