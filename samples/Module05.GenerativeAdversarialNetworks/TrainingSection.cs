using Samples.Shared;
using TorchSharp;

namespace Module05;

/// <summary>Adversarial training on points of the plane: what the discriminator learns, and how the generator learns from it.</summary>
internal static class TrainingSection
{
    /// <param name="LowestLoss">The loss of the best possible discriminator.</param>
    /// <param name="Loss">The loss of the trained one on the same points.</param>
    /// <param name="Error">The mean difference of its probabilities to those of the best one.</param>
    /// <param name="Stages">
    /// By the number of steps: the modes with at least a quarter of their share of the points, and the share of points near any mode.
    /// </param>
    /// <param name="LastLosses">Both losses at the end.</param>
    public sealed record Result(
        double LowestLoss, double Loss, double Error, IReadOnlyList<(int Step, int Modes, double Good)> Stages,
        (double Discriminator, double Generator) LastLosses);

    private const int Batch = 256;
    private const double Edge = 6;

    private static readonly double[] _levels = [0.1, 0.3, 0.5, 0.7, 0.9];

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("1. Adversarial training");
        int threads = torch.get_num_threads();
        torch.set_num_threads(1);
        try
        {
            var (lowest, loss, error) = BestDiscriminator(lesson);
            GeneratorLosses(lesson);
            var (stages, last) = Train(lesson);
            return new Result(lowest, loss, error, stages, last);
        }
        finally
        {
            torch.set_num_threads(threads);
        }
    }

    // The generator is fixed: a normal distribution, whose density is known.
    private static (double Lowest, double Loss, double Error) BestDiscriminator(Lesson lesson)
    {
        const double wide = 0.8, spread = 3;
        var random = new Random(1);
        float[][] Real(int count) => Ring.Sample(count, random, wide);
        float[][] Generated(int count) => [.. Enumerable.Range(0, count).Select(_ => Ring.Normal(random))
            .Select(p => new[] { (float)(spread * p.Item1), (float)(spread * p.Item2) })];
        double Best(double x, double y)
        {
            double p = Ring.Density(x, y, wide), g = Ring.NormalDensity(x, y, spread);
            return p / (p + g);
        }

        using var gan = new PointGan(width: 64, rate: 3e-3);
        for (int step = 0; step < (lesson.Quick ? 600 : 3_000); step++)
        {
            lesson.Cancellation.ThrowIfCancellationRequested();
            gan.DiscriminatorStep(Real(Batch), Generated(Batch));
        }

        const int tested = 4_000;
        float[][] real = Real(tested), generated = Generated(tested);
        double[] ofReal = gan.Probabilities(real), ofGenerated = gan.Probabilities(generated);
        double[] bestOfReal = [.. real.Select(x => Best(x[0], x[1]))], bestOfGenerated = [.. generated.Select(x => Best(x[0], x[1]))];
        double lowest = Loss(bestOfReal, bestOfGenerated), reached = Loss(ofReal, ofGenerated);
        double error = ofReal.Concat(ofGenerated).Zip(bestOfReal.Concat(bestOfGenerated), (d, best) => Math.Abs(d - best)).Average();

        Chart Panel(string title, Func<double, double, double> d) => new Chart(title, "x₁", "x₂", equalScale: true)
            .Points("real", Pairs(real[..400]), size: 2).Points("generated", Pairs(generated[..400]), size: 2)
            .Contours(d, (-Edge, Edge), (-Edge, Edge), _levels).Range(-Edge, Edge, -Edge, Edge);
        Chart.SavePanels(lesson.Output.File("best-discriminator.png", "the best discriminator and a trained one"),
            [Panel("p / (p + g)", Best), Panel("The trained discriminator", Landscape(gan))], panelWidth: 620, panelHeight: 620);
        Console.WriteLine($"The loss of the best discriminator p / (p + g) is {lowest:F3} nats, of guessing 2 ln 2 = {2 * Math.Log(2):F3}, "
            + $"of the trained one {reached:F3}. Its probabilities differ from the best by {error:F3} on average.");
        Console.WriteLine($"So the Jensen-Shannon divergence of the two distributions is {Math.Log(2) - lowest / 2:F3} nats; its maximum "
            + $"is ln 2 = {Math.Log(2):F3}.");
        return (lowest, reached, error);

        static double Loss(double[] ofReal, double[] ofGenerated) =>
            ofReal.Average(d => -Math.Log(d)) + ofGenerated.Average(d => -Math.Log(1 - d));
    }

    private static void GeneratorLosses(Lesson lesson)
    {
        (double X, double Y)[] Curve(Func<double, double> f) =>
            [.. Enumerable.Range(0, 101).Select(i => (i / 10.0) - 5).Select(d => (d, f(d)))];
        static double Sigmoid(double d) => 1 / (1 + Math.Exp(-d));
        Chart.SavePanels(lesson.Output.File("generator-losses.png", "two losses of the generator, and their gradients"),
        [
            new Chart("The loss of the generator", "the discriminator's logit of a generated point", "loss, nats")
                .Line("log(1 − D)", Curve(d => Math.Log(1 - Sigmoid(d)))).Line("−log D", Curve(d => -Math.Log(Sigmoid(d)))),
            new Chart("The gradient of the loss", "the discriminator's logit of a generated point", "size of the derivative")
                .Line("log(1 − D)", Curve(Sigmoid)).Line("−log D", Curve(d => 1 - Sigmoid(d))).Range(yLow: 0, yHigh: 1.25),
        ]);
    }

    private static (List<(int, int, double)> Stages, (double, double) Last) Train(Lesson lesson)
    {
        int[] shownAfter = lesson.Quick ? [50, 150, 300, 600] : [100, 300, 600, 1_000, 2_000, 4_000];
        const int count = 1_000;
        var random = new Random(2);
        float[][] some = Ring.Sample(400, random);
        List<double> discriminatorLosses = [], generatorLosses = [];
        List<(int, int, double)> stages = [];
        List<Chart> panels = [];
        using var gan = new PointGan(width: 64, rate: 1e-3);
        for (int step = 1; step <= shownAfter[^1]; step++)
        {
            lesson.Cancellation.ThrowIfCancellationRequested();
            discriminatorLosses.Add(gan.DiscriminatorStep(Ring.Sample(Batch, random), gan.Generate(Batch)));
            generatorLosses.Add(gan.GeneratorStep(Batch));
            if (!shownAfter.Contains(step))
                continue;

            float[][] points = gan.Generate(count);
            int[] counts = Ring.Count(points);
            stages.Add((step, counts.Count(n => n >= count / Ring.Modes / 4), counts.Sum() / (double)count));
            panels.Add(new Chart($"After {step:N0} steps", "x₁", "x₂", equalScale: true)
                .Points("real", Pairs(some), size: 2).Points("generated", Pairs(points[..400]), size: 2)
                .Contours(Landscape(gan), (-Edge, Edge), (-Edge, Edge), _levels).Range(-Edge, Edge, -Edge, Edge));
        }

        Chart.SavePanels(
            lesson.Output.File("ring-training.png", "adversarial training on eight modes"), panels, columns: panels.Count / 2,
            panelWidth: 520, panelHeight: 540);
        var losses = new Chart("The losses of adversarial training", "step", "loss, nats")
            .Line("discriminator", Losses(discriminatorLosses)).Line("generator", Losses(generatorLosses));
        foreach (double level in (double[])[2 * Math.Log(2), Math.Log(2)])
            losses.Line(null, [(0, level), (discriminatorLosses.Count, level)], color: 7, dashed: true);
        losses.Text(0.94 * discriminatorLosses.Count, 2 * Math.Log(2), "2 ln 2").Text(0.94 * discriminatorLosses.Count, Math.Log(2), "ln 2")
            .LegendOutside().Save(lesson.Output.File("ring-losses.png", "losses of adversarial training"));
        foreach (var (step, modes, good) in stages)
            Console.WriteLine($"After {step,5} steps of each: {modes} of {Ring.Modes} modes, {good:P1} of the points near one.");
        var last = (discriminatorLosses.TakeLast(100).Average(), generatorLosses.TakeLast(100).Average());
        Console.WriteLine($"Losses at the end: discriminator {last.Item1:F3} (2 ln 2 = {2 * Math.Log(2):F3}), generator "
            + $"{last.Item2:F3} (ln 2 = {Math.Log(2):F3}).");
        return (stages, last);

        static (double X, double Y)[] Losses(List<double> values) => Curves.Smooth([.. values.Select((loss, i) => (i + 1.0, loss))]);
    }

    // The probabilities at the 101 × 101 places of a chart, computed at once.
    private static Func<double, double, double> Landscape(PointGan gan)
    {
        const int places = 101;
        static float At(int place) => (float)(-Edge + 2 * Edge * place / (places - 1));
        static int Place(double value) => (int)Math.Round((value + Edge) / (2 * Edge) * (places - 1));
        double[] values = gan.Probabilities(
            [.. Enumerable.Range(0, places * places).Select(i => new[] { At(i / places), At(i % places) })]);
        return (x, y) => values[(places * Place(x)) + Place(y)];
    }

    private static (double X, double Y)[] Pairs(IEnumerable<float[]> points) => [.. points.Select(p => ((double)p[0], (double)p[1]))];
}
