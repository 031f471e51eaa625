using Samples.Shared;

namespace Module02;

/// <summary>Three optimizers: gradient descent, momentum, Adam; with two weights, and with the many thousands of the network.</summary>
internal static class OptimizerSection
{
    /// <param name="Name">The optimizer.</param>
    /// <param name="BestRate">The learning rate with the lowest final loss.</param>
    /// <param name="Losses">The loss of each batch with that rate.</param>
    /// <param name="Accuracy">The accuracy on the test images.</param>
    /// <param name="FinalLosses">The final loss with each learning rate.</param>
    public sealed record Outcome(
        string Name, double BestRate, IReadOnlyList<double> Losses, double Accuracy, IReadOnlyList<(double Rate, double Loss)> FinalLosses)
    {
        public double FinalLoss => FinalLosses.Min(pair => pair.Loss);
    }

    public sealed record Result(IReadOnlyList<double> Valley, IReadOnlyList<Outcome> Outcomes);

    private static readonly (string Name, Func<double, IOptimizer> New)[] _optimizers =
    [
        ("gradient descent", rate => new GradientDescent(rate)),
        ("momentum", rate => new MomentumDescent(rate)),
        ("Adam", rate => new Adam(rate)),
    ];

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("3. Three optimizers");
        double[] valley = Valley(lesson);
        Outcome[] outcomes = [.. _optimizers.Select(optimizer => Train(lesson, optimizer.Name, optimizer.New))];

        var losses = new Chart("The loss during training, each with its best learning rate", "batch", "loss, nats", logY: true);
        var rates = new Chart(
            "The final loss by learning rate", "learning rate", "loss of the last tenth of the batches, nats", logX: true, logY: true);
        Console.WriteLine("optimizer           best rate        final loss   test accuracy");
        foreach (Outcome outcome in outcomes)
        {
            losses.Line($"{outcome.Name}, {outcome.BestRate}", Lesson.Smooth(outcome.Losses, Math.Max(1, outcome.Losses.Count / 40)));
            rates.Line(outcome.Name, outcome.FinalLosses);
            Console.WriteLine($"{outcome.Name,-18} {outcome.BestRate,10}   {outcome.FinalLoss,15:F4}   {outcome.Accuracy,13:P1}");
        }

        losses.Save(lesson.Output.File("optimizer-losses.png", "the loss during training"));
        rates.Save(lesson.Output.File("optimizer-rates.png", "the final loss by learning rate"));
        return new Result(valley, outcomes);
    }

    private static Outcome Train(Lesson lesson, string name, Func<double, IOptimizer> create)
    {
        double[] rates = lesson.Quick ? [0.001, 0.01, 0.1, 1] : [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1];
        (double Rate, double Loss, List<double> Losses, Mlp Network)[] runs = [.. rates.Select(rate =>
        {
            Mlp network = lesson.NewMlp();
            List<double> losses = Training.Run(lesson, network, create(rate));
            // Where training diverges, a probability becomes 0 and its logarithm infinite.
            double end = losses.TakeLast(losses.Count / 10).Average();
            return (rate, double.IsFinite(end) ? end : double.PositiveInfinity, losses, network);
        })];
        var best = runs.MinBy(run => run.Loss);
        return new Outcome(
            name, best.Rate, best.Losses, best.Network.Accuracy(lesson.TestVectors, lesson.TestLabels),
            [.. runs.Where(run => double.IsFinite(run.Loss)).Select(run => (run.Rate, run.Loss))]);
    }

    // f(w) = (w₁² + 25 w₂²) / 2: a valley whose curvature is 25 times as large across as along.
    private static double[] Valley(Lesson lesson)
    {
        const int steps = 40;
        double F(double a, double b) => (a * a + 25 * b * b) / 2;
        List<Chart> panels = [];
        List<double> ends = [];
        foreach (var (name, rate, optimizer) in ((string, double, IOptimizer)[])
        [
            ("gradient descent", 0.07, new GradientDescent(0.07)), ("momentum", 0.02, new MomentumDescent(0.02)),
            ("Adam", 0.3, new Adam(0.3)),
        ])
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

        Chart.SavePanels(
            lesson.Output.File("optimizer-paths.png", "three optimizers in a valley"), panels, columns: 3, panelWidth: 520,
            panelHeight: 480);
        Console.WriteLine($"After {steps} steps in a valley with curvatures 1 and 25, from {F(-4, 1.2):F0} at the start: gradient descent "
            + $"{ends[0]:0.0e+0}, momentum {ends[1]:0.0e+0}, Adam {ends[2]:0.0e+0}.");
        return [.. ends];
    }
}
