using Samples.Shared;
using TorchSharp;

namespace Module02;

/// <summary>The gradient by the chain rule, compared with finite differences and with libtorch.</summary>
internal static class BackwardSection
{
    public sealed record Result(double DifferenceError, double AutogradError);

    private const int Images = 20;
    private const int Compared = 300;

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("2. Backward: the gradient");
        Mlp network = lesson.NewMlp();
        double[][] images = lesson.TrainVectors[..Images];
        int[] labels = lesson.TrainLabels[..Images];
        double[] gradient = network.Backward(images, labels).Gradient;

        // Weights of pixels that are black in all images have the gradient 0, and so do those of a unit whose output is 0 for all images.
        var random = new Random(3);
        int[] chosen = [.. Enumerable.Range(0, gradient.Length).Where(i => Math.Abs(gradient[i]) > 1e-5).OrderBy(_ => random.Next())
            .Take(Compared)];
        (double X, double Y)[] pairs = [.. chosen.Select(i => (gradient[i], Difference(network, images, labels, i)))];
        double differenceError = pairs.Max(pair => Math.Abs(pair.X - pair.Y));
        double autogradError = gradient.Zip(Autograd(lesson, network, images, labels), (a, b) => Math.Abs(a - b)).Max();

        new Chart("Derivatives of the loss with respect to some weights", "by the chain rule", "by finite differences")
            .Line(null, [(gradient.Min(), gradient.Min()), (gradient.Max(), gradient.Max())], color: 7, dashed: true)
            .Points(null, pairs, size: 3)
            .Save(lesson.Output.File("backward-check.png", "the gradient against finite differences"));
        Console.WriteLine($"{gradient.Length:N0} derivatives in one pass. The largest difference of {Compared} of them to central "
            + $"differences is {differenceError:0.0e+0}, of all to those of libtorch {autogradError:0.0e+0}.");
        return new Result(differenceError, autogradError);
    }

    // (loss(w + h) − loss(w − h)) / 2h
    private static double Difference(Mlp network, double[][] images, int[] labels, int weight)
    {
        const double h = 1e-5;
        double kept = network.Weights[weight];
        network.Weights[weight] = kept + h;
        double above = network.Loss(images, labels);
        network.Weights[weight] = kept - h;
        double below = network.Loss(images, labels);
        network.Weights[weight] = kept;
        return (above - below) / (2 * h);
    }

    // The same network with libtorch, which records the operations and differentiates them.
    private static double[] Autograd(Lesson lesson, Mlp network, double[][] images, int[] labels)
    {
        using var scope = torch.NewDisposeScope();
        long hidden = network.Hidden, classes = Lesson.Classes;
        var x = torch.tensor([.. images.SelectMany(image => image)], [images.Length, Lesson.Pixels]);
        var all = torch.tensor(network.Weights, requires_grad: true);
        var parts = all.split([hidden * Lesson.Pixels, hidden, classes * hidden, classes]);
        var layer = torch.nn.functional.relu(torch.nn.functional.linear(x, parts[0].view(hidden, Lesson.Pixels), parts[1]));
        var scores = torch.nn.functional.linear(layer, parts[2].view(classes, hidden), parts[3]);
        var loss = torch.nn.functional.cross_entropy(scores, torch.tensor(Array.ConvertAll(labels, label => (long)label)));
        loss.backward();
        return all.grad!.data<double>().ToArray();
    }
}
