using Samples.Shared;

namespace Module02;

/// <summary>Three ways down: plain descent, momentum, Adam; in a valley of two weights, and in the network's of many thousands.</summary>
internal static class OptimizerSection
{
    /// <param name="Name">The optimizer.</param>
    /// <param name="BestRate">The learning rate with the lowest loss in the end.</param>
    /// <param name="Losses">The loss of each batch with that rate.</param>
    /// <param name="Accuracy">Of the test images.</param>
    /// <param name="FinalLosses">The loss in the end with each learning rate.</param>
    public sealed record Way(string Name, double BestRate, IReadOnlyList<double> Losses, double Accuracy, IReadOnlyList<(double Rate, double Loss)> FinalLosses)
    {
        public double FinalLoss => FinalLosses.Min(pair => pair.Loss);
    }

    public sealed record Result(IReadOnlyList<double> Valley, IReadOnlyList<Way> Ways);

    private static readonly (string Name, Func<double, IOptimizer> New)[] _optimizers =
    [
        ("gradient descent", rate => new GradientDescent(rate)),
        ("momentum", rate => new MomentumDescent(rate)),
        ("Adam", rate => new Adam(rate)),
    ];

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("3. Three ways down");
        double[] valley = Valley(lesson);
        Way[] ways = [.. _optimizers.Select(optimizer => Train(lesson, optimizer.Name, optimizer.New))];

        var losses = new Chart("The loss while learning, each with its best learning rate", "batch", "loss, nats", logY: true);
        var rates = new Chart("The loss in the end, by learning rate", "learning rate", "loss of the last tenth of the batches, nats", logX: true, logY: true);
        Console.WriteLine("optimizer           best rate   loss in the end   test accuracy");
        foreach (Way way in ways)
        {
            losses.Line($"{way.Name}, {way.BestRate}", Lesson.Smooth(way.Losses, Math.Max(1, way.Losses.Count / 40)));
            rates.Line(way.Name, way.FinalLosses);
            Console.WriteLine($"{way.Name,-18} {way.BestRate,10}   {way.FinalLoss,15:F4}   {way.Accuracy,13:P1}");
        }

        losses.Save(lesson.Output.File("optimizer-losses.png", "the loss while learning"));
        rates.Legend(left: true, bottom: true).Save(lesson.Output.File("optimizer-rates.png", "the loss in the end, by learning rate"));
        return new Result(valley, ways);
    }

    private static Way Train(Lesson lesson, string name, Func<double, IOptimizer> create)
    {
        double[] rates = lesson.Quick ? [0.001, 0.01, 0.1, 1] : [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1];
        (double Rate, double Loss, List<double> Losses, Perceptron Network)[] runs = [.. rates.Select(rate =>
        {
            Perceptron network = lesson.NewPerceptron();
            List<double> losses = lesson.Learn(network, create(rate));
            // Where it has gone astray, a probability of 0 has no logarithm.
            double end = losses.TakeLast(losses.Count / 10).Average();
            return (rate, double.IsFinite(end) ? end : double.PositiveInfinity, losses, network);
        })];
        var best = runs.MinBy(run => run.Loss);
        return new Way(
            name, best.Rate, best.Losses, best.Network.Accuracy(lesson.TestImages, lesson.TestLabels),
            [.. runs.Where(run => double.IsFinite(run.Loss)).Select(run => (run.Rate, run.Loss))]);
    }

    // f(w) = (w₁² + 25 w₂²) / 2: a valley, 25 times as steep across as along.
    private static double[] Valley(Lesson lesson)
    {
        const int steps = 40;
        double F(double a, double b) => (a * a + 25 * b * b) / 2;
        List<Chart> panels = [];
        List<double> ends = [];
        foreach (var (name, rate, optimizer) in ((string, double, IOptimizer)[])[("gradient descent", 0.07, new GradientDescent(0.07)), ("momentum", 0.02, new MomentumDescent(0.02)), ("Adam", 0.3, new Adam(0.3))])
        {
            double[] w = [-4, 1.2];
            List<(double, double)> path = [(w[0], w[1])];
            for (int step = 0; step < steps; step++)
            {
                optimizer.Step(w, [w[0], 25 * w[1]]);
                path.Add((w[0], w[1]));
            }

            ends.Add(F(w[0], w[1]));
            panels.Add(new Chart($"{name}, rate {rate}", "w₁", "w₂")
                .Contours(F, (-4.5, 3), (-1.6, 1.6), 0.1, 0.5, 2, 5, 10, 20, 30)
                .Line($"{steps} steps", path, color: 3)
                .Range(-4.5, 3, -1.6, 1.6));
        }

        Chart.SavePanels(lesson.Output.File("optimizer-paths.png", "three ways down a valley"), panels, columns: 3, panelWidth: 520, panelHeight: 480);
        Console.WriteLine($"After {steps} steps in a valley that is 25 times as steep across as along, at {F(-4, 1.2):F0} in the beginning: gradient descent {ends[0]:0.0e+0}, momentum {ends[1]:0.0e+0}, Adam {ends[2]:0.0e+0}.");
        return [.. ends];
    }
}
