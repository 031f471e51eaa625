using Samples.Shared;

namespace Module02;

/// <summary>A network is a function with many numbers in it: from an image to the probabilities of classes.</summary>
internal static class ForwardSection
{
    public sealed record Result(double LossBefore, double LossAfter, double Accuracy, int Silent);

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("1. Forward: a network is a function");
        Perceptron before = lesson.NewPerceptron();
        Perceptron after = lesson.Trained;
        double[] picture = lesson.TestImages[0];
        var (hidden, probabilities) = after.Forward(picture);
        Console.WriteLine($"{Lesson.Pixels} pixels to {after.Hidden} hidden units to {lesson.ClassNames.Length} classes: {after.Weights.Length:N0} numbers to learn.");
        Console.WriteLine($"The first test image is of class {lesson.ClassNames[lesson.TestLabels[0]]}. Of the hidden units {hidden.Count(h => h > 0)} say more than 0.");

        double[] Percent(Perceptron network) => [.. network.Forward(picture).Probabilities.Select(p => 100 * p)];
        new Chart($"The first test image, of class {lesson.ClassNames[lesson.TestLabels[0]]}", "class", "probability, %")
            .Bars(lesson.ClassNames, ("before learning", Percent(before)), ("after learning", Percent(after)))
            .Legend(left: true)
            .Save(lesson.Output.File("forward-probabilities.png", "what the network says of an image, before and after"));

        // Gray is 0, white asks for ink, black for none.
        const int shown = 32;
        float[][] templates = [.. Enumerable.Range(0, shown).Select(unit =>
        {
            double[] template = after.Template(unit);
            double largest = template.Max(Math.Abs);
            return Array.ConvertAll(template, w => (float)(0.5 + 0.5 * w / largest));
        })];
        ImageGrid.Save(lesson.Output.File("forward-hidden-units.png", "what hidden units look for"), templates, 1, Lesson.Side, Lesson.Side, columns: 8, padding: 3, scale: 2);

        double[][] said = [.. lesson.TestImages.Select(image => after.Forward(image).Hidden)];
        int silent = Enumerable.Range(0, after.Hidden).Count(unit => said.All(values => values[unit] == 0));
        Console.WriteLine($"{silent} of the {after.Hidden} hidden units say 0 to every test image.");
        var (lossBefore, lossAfter) = (before.Loss(lesson.TestImages, lesson.TestLabels), after.Loss(lesson.TestImages, lesson.TestLabels));
        double accuracy = after.Accuracy(lesson.TestImages, lesson.TestLabels);
        Console.WriteLine($"Test loss before learning {lossBefore:F3} nats (guessing: ln 10 = {Math.Log(10):F3}), after {lossAfter:F3}; {accuracy:P1} of the test images are named rightly. It gives the first {probabilities.Max():P1}.");
        return new Result(lossBefore, lossAfter, accuracy, silent);
    }
}
