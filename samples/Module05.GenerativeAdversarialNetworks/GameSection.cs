using Samples.Shared;
using TorchSharp;

namespace Module05;

/// <summary>The game itself, on points of the plane: what the discriminator learns, and how the generator learns from it.</summary>
internal static class GameSection
{
    /// <param name="LowestLoss">What the best possible discriminator loses.</param>
    /// <param name="Loss">What the trained one loses on the same points.</param>
    /// <param name="Error">How far its probability is from the best one's, on average.</param>
    /// <param name="Stages">After so many steps: the modes that at least a quarter of their share falls on, and the share of all points near one.</param>
    /// <param name="LastLosses">Both losses in the end.</param>
    public sealed record Result(double LowestLoss, double Loss, double Error, IReadOnlyList<(int Step, int Modes, double Good)> Stages, (double Discriminator, double Generator) LastLosses);

    private const int Batch = 256;
    private const double Edge = 6;

    private static readonly double[] _levels = [0.1, 0.3, 0.5, 0.7, 0.9];

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("1. The game");
        int threads = torch.get_num_threads();
        torch.set_num_threads(1);
        try
        {
            var (lowest, loss, error) = BestAnswer(lesson);
            GeneratorLosses(lesson);
            var (stages, last) = Play(lesson);
            return new Result(lowest, loss, error, stages, last);
        }
        finally
        {
            torch.set_num_threads(threads);
        }
    }

    // The generator stands still: a normal distribution, whose density is known.
    private static (double Lowest, double Loss, double Error) BestAnswer(Lesson lesson)
    {
        const double wide = 0.8, spread = 3;
        var random = new Random(1);
        float[][] Real(int count) => Ring.Draw(count, random, wide);
        float[][] Generated(int count) => [.. Enumerable.Range(0, count).Select(_ => Ring.Normal(random)).Select(p => new[] { (float)(spread * p.Item1), (float)(spread * p.Item2) })];
        double Best(double x, double y)
        {
            double p = Ring.Density(x, y, wide), g = Ring.NormalDensity(x, y, spread);
            return p / (p + g);
        }

        using var game = new Game(width: 64, rate: 3e-3);
        for (int step = 0; step < (lesson.Quick ? 600 : 3_000); step++)
        {
            lesson.CheckCancelled();
            game.DiscriminatorStep(Real(Batch), Generated(Batch));
        }

        const int tested = 4_000;
        float[][] real = Real(tested), generated = Generated(tested);
        double[] ofReal = game.Probabilities(real), ofGenerated = game.Probabilities(generated);
        double[] bestOfReal = [.. real.Select(x => Best(x[0], x[1]))], bestOfGenerated = [.. generated.Select(x => Best(x[0], x[1]))];
        double lowest = Loss(bestOfReal, bestOfGenerated), reached = Loss(ofReal, ofGenerated);
        double error = ofReal.Concat(ofGenerated).Zip(bestOfReal.Concat(bestOfGenerated), (d, best) => Math.Abs(d - best)).Average();

        Chart Panel(string title, Func<double, double, double> d) => new Chart(title, "x₁", "x₂", equalScale: true)
            .Points("real", Pairs(real[..400]), size: 2).Points("generated", Pairs(generated[..400]), size: 2)
            .Contours(d, (-Edge, Edge), (-Edge, Edge), _levels).Range(-Edge, Edge, -Edge, Edge);
        Chart.SavePanels(lesson.Output.File("best-discriminator.png", "the best discriminator, and one that has learned"),
            [Panel("p / (p + g)", Best), Panel("The discriminator that has learned", Landscape(game))], panelWidth: 620, panelHeight: 620);
        Console.WriteLine($"The best discriminator p / (p + g) loses {lowest:F3} nats, guessing 2 ln 2 = {2 * Math.Log(2):F3}, the one that has learned {reached:F3}. Its probability differs from the best by {error:F3} on average.");
        Console.WriteLine($"By that, the Jensen-Shannon divergence of the two distributions is {Math.Log(2) - lowest / 2:F3} nats; the most that it can be is ln 2 = {Math.Log(2):F3}.");
        return (lowest, reached, error);

        static double Loss(double[] ofReal, double[] ofGenerated) => ofReal.Average(d => -Math.Log(d)) + ofGenerated.Average(d => -Math.Log(1 - d));
    }

    private static void GeneratorLosses(Lesson lesson)
    {
        (double X, double Y)[] Curve(Func<double, double> f) => [.. Enumerable.Range(0, 101).Select(i => (i / 10.0) - 5).Select(d => (d, f(d)))];
        static double Sigmoid(double d) => 1 / (1 + Math.Exp(-d));
        Chart.SavePanels(lesson.Output.File("generator-losses.png", "two losses of the generator, and how strongly they push"),
        [
            new Chart("What the generator minimises", "the discriminator's logit of a generated point", "loss, nats")
                .Line("log(1 − D)", Curve(d => Math.Log(1 - Sigmoid(d)))).Line("−log D", Curve(d => -Math.Log(Sigmoid(d)))).Legend(),
            new Chart("How strongly it is pushed", "the discriminator's logit of a generated point", "size of the derivative")
                .Line("log(1 − D)", Curve(Sigmoid)).Line("−log D", Curve(d => 1 - Sigmoid(d))).Range(yLow: 0, yHigh: 1.25).Legend(),
        ]);
    }

    private static (List<(int, int, double)> Stages, (double, double) Last) Play(Lesson lesson)
    {
        int[] shownAfter = lesson.Quick ? [50, 150, 300, 600] : [100, 300, 600, 1_000, 2_000, 4_000];
        const int drawn = 1_000;
        var random = new Random(2);
        float[][] some = Ring.Draw(400, random);
        List<double> discriminatorLosses = [], generatorLosses = [];
        List<(int, int, double)> stages = [];
        List<Chart> panels = [];
        using var game = new Game(width: 64, rate: 1e-3);
        for (int step = 1; step <= shownAfter[^1]; step++)
        {
            lesson.CheckCancelled();
            discriminatorLosses.Add(game.DiscriminatorStep(Ring.Draw(Batch, random), game.Draw(Batch)));
            generatorLosses.Add(game.GeneratorStep(Batch));
            if (!shownAfter.Contains(step))
                continue;

            float[][] points = game.Draw(drawn);
            int[] counts = Ring.Count(points);
            stages.Add((step, counts.Count(n => n >= drawn / Ring.Modes / 4), counts.Sum() / (double)drawn));
            panels.Add(new Chart($"After {step:N0} steps", "x₁", "x₂", equalScale: true)
                .Points("real", Pairs(some), size: 2).Points("generated", Pairs(points[..400]), size: 2)
                .Contours(Landscape(game), (-Edge, Edge), (-Edge, Edge), _levels).Range(-Edge, Edge, -Edge, Edge));
        }

        Chart.SavePanels(lesson.Output.File("ring-game.png", "the game on eight modes"), panels, columns: panels.Count / 2, panelWidth: 520, panelHeight: 540);
        var losses = new Chart("The losses of the game", "step", "loss, nats").Line("discriminator", Losses(discriminatorLosses)).Line("generator", Losses(generatorLosses));
        foreach (double level in (double[])[2 * Math.Log(2), Math.Log(2)])
            losses.Line(null, [(0, level), (discriminatorLosses.Count, level)], color: 7, dashed: true);
        losses.Text(0.94 * discriminatorLosses.Count, 2 * Math.Log(2), "2 ln 2").Text(0.94 * discriminatorLosses.Count, Math.Log(2), "ln 2")
            .Legend(outside: true).Save(lesson.Output.File("ring-losses.png", "losses that do not fall"));
        foreach (var (step, modes, good) in stages)
            Console.WriteLine($"After {step,5} steps of each: {modes} of {Ring.Modes} modes, {good:P1} of the points near one.");
        var last = (discriminatorLosses.TakeLast(100).Average(), generatorLosses.TakeLast(100).Average());
        Console.WriteLine($"Losses in the end: discriminator {last.Item1:F3} (2 ln 2 = {2 * Math.Log(2):F3}), generator {last.Item2:F3} (ln 2 = {Math.Log(2):F3}).");
        return (stages, last);

        static (double X, double Y)[] Losses(List<double> values) => Lesson.Smooth([.. values.Select((loss, i) => (i + 1.0, loss))]);
    }

    // The probabilities of a chart's 101 × 101 places, asked for at once.
    private static Func<double, double, double> Landscape(Game game)
    {
        const int places = 101;
        static float At(int place) => (float)(-Edge + 2 * Edge * place / (places - 1));
        static int Place(double value) => (int)Math.Round((value + Edge) / (2 * Edge) * (places - 1));
        double[] values = game.Probabilities([.. Enumerable.Range(0, places * places).Select(i => new[] { At(i / places), At(i % places) })]);
        return (x, y) => values[(places * Place(x)) + Place(y)];
    }

    private static (double X, double Y)[] Pairs(IEnumerable<float[]> points) => [.. points.Select(p => ((double)p[0], (double)p[1]))];
}
