using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.Optimization;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Statistics;
using Samples.Shared;

namespace Module03;

/// <summary>Entropy, cross-entropy, KL divergence and mutual information: computed and estimated.</summary>
internal static class InformationSection
{
    public sealed record Result(double BestPixelBits, Fit Forward, Fit Reverse, double NeighborEstimate, double NeighborTruth);

    public sealed record Fit(double Mean, double StandardDeviation, double Forward, double Reverse);

    private static readonly double[] _line = [.. Enumerable.Range(0, 1_200).Select(i => -8 + (i + 0.5) / 75)];

    public static Result Run(Lesson lesson)
    {
        Lesson.Title("5. Entropy, cross-entropy, KL divergence, mutual information");
        Coins(lesson);
        var (forward, reverse) = FitBothWays(lesson);
        var best = Pixels(lesson);
        var (estimate, truth) = Convergence(lesson);
        return new Result(best, forward, reverse, estimate, truth);
    }

    private static void Coins(Lesson lesson)
    {
        const double q = 0.3;
        double[] ps = [.. Enumerable.Range(0, 201).Select(i => i / 200.0)];
        new Chart("A coin, and a model that predicts 0.3", "probability p of heads", "bits")
            .Line("entropy H(p)", [.. ps.Select(p => (p, InformationTheory.Entropy([p, 1 - p], InformationUnit.Bits)))])
            .Line("cross-entropy H(p, 0.3)", [.. ps.Select(p =>
                (p, InformationTheory.CrossEntropy([p, 1 - p], [q, 1 - q], InformationUnit.Bits)))])
            .Line("KL(p || 0.3), the gap", [.. ps.Select(p =>
                (p, InformationTheory.KlDivergence([p, 1 - p], [q, 1 - q], InformationUnit.Bits)))])
            .Line("Jensen–Shannon", [.. ps.Select(p =>
                (p, InformationTheory.JensenShannonDivergence([p, 1 - p], [q, 1 - q], InformationUnit.Bits)))], dashed: true)
            .Save(lesson.Output.File("information-coin.png", "entropy, cross-entropy and KL of a coin"));
        double[] fair = [0.5, 0.5], biased = [0.9, 0.1];
        Console.WriteLine($"A fair coin has {InformationTheory.Entropy(fair, InformationUnit.Bits):0.000} bit, one with P(heads) = 0.9 has "
            + $"{InformationTheory.Entropy(biased, InformationUnit.Bits):0.000}. "
            + $"Expecting a fair coin where it is biased costs "
            + $"{InformationTheory.KlDivergence(biased, fair, InformationUnit.Bits):0.000} bits per toss, the reverse "
            + $"{InformationTheory.KlDivergence(fair, biased, InformationUnit.Bits):0.000}: KL is not symmetric.");
    }

    // One normal distribution q for a p with two peaks: the order of the arguments decides what a good fit is.
    private static (Fit Forward, Fit Reverse) FitBothWays(Lesson lesson)
    {
        var p = Probabilities(x => 0.6 * Density(x, -2, 0.7) + 0.4 * Density(x, 2.5, 0.9));
        var forward = Minimize(q => InformationTheory.KlDivergence(p, q), 0, 1);
        // The reverse divergence has a minimum at each peak; the deeper one counts.
        var reverse = new[] { Minimize(q => InformationTheory.KlDivergence(q, p), -2, 1), Minimize(
            q => InformationTheory.KlDivergence(q, p), 2, 1) }.MinBy(fit => fit.Reverse)!;

        new Chart("One normal distribution for two peaks", "x", "probability density")
            .Line("p", Curve(p))
            .Line("minimum of KL(p || q): covers both", Curve(Normal(forward.Mean, forward.StandardDeviation)))
            .Line("minimum of KL(q || p): covers one", Curve(Normal(reverse.Mean, reverse.StandardDeviation)))
            .Save(lesson.Output.File("information-kl-fits.png", "both directions of KL"));

        var mean = p.Zip(_line, (probability, x) => probability * x).Sum();
        var deviation = Math.Sqrt(p.Zip(_line, (probability, x) => probability * (x - mean) * (x - mean)).Sum());
        Console.WriteLine($"A normal distribution q for a p with two peaks. The minimum of KL(p ‖ q) is {forward.Forward:0.000} nats at "
            + $"mean {forward.Mean:0.00}, standard deviation {forward.StandardDeviation:0.00}: the moments of p are {mean:0.00} and "
            + $"{deviation:0.00}. "
            + $"The minimum of KL(q ‖ p) is {reverse.Reverse:0.000} at mean {reverse.Mean:0.00}, standard deviation "
            + $"{reverse.StandardDeviation:0.00}: one peak.");
        return (forward, reverse);

        Fit Minimize(Func<double[], double> divergence, double startMean, double startDeviation)
        {
            var objective = ObjectiveFunction.Value(v => divergence(Normal(v[0], Math.Exp(v[1]))));
            var found = NelderMeadSimplex.Minimum(
                objective, Vector<double>.Build.Dense([startMean, Math.Log(startDeviation)]), convergenceTolerance: 1e-10,
                maximumIterations: 2_000).MinimizingPoint;
            var q = Normal(found[0], Math.Exp(found[1]));
            return new Fit(found[0], Math.Exp(found[1]), InformationTheory.KlDivergence(p, q), InformationTheory.KlDivergence(q, p));
        }
    }

    // The entropy of each pixel, black or white, and its mutual information with the digit.
    private static double Pixels(Lesson lesson)
    {
        var entropy = new double[Lesson.Side, Lesson.Side];
        var information = new double[Lesson.Side, Lesson.Side];
        for (var pixel = 0; pixel < Lesson.Pixels; pixel++)
        {
            var counts = new long[2, Lesson.Classes];
            foreach (var (image, label) in lesson.TrainImages.Images.Zip(lesson.TrainImages.Labels))
                counts[NaiveBayes.IsWhite(image[pixel]) ? 1 : 0, label]++;
            var white = Enumerable.Range(0, Lesson.Classes).Sum(digit => counts[1, digit]);
            var (row, column) = (pixel / Lesson.Side, pixel % Lesson.Side);
            entropy[row, column] = InformationTheory.EntropyFromCounts(
                [white, lesson.TrainImages.Count - white], unit: InformationUnit.Bits);
            information[row, column] = InformationTheory.MutualInformationFromCounts(counts, unit: InformationUnit.Bits);
        }

        Chart.SavePanels(lesson.Output.File("information-pixels.png", "entropy of the pixels, and their mutual information with the digit"),
        [
            new Chart("Entropy of each pixel", "column", "row", equalScale: true).HeatMap(entropy, "bits"),
            new Chart("Mutual information with the digit", "column", "row", equalScale: true).HeatMap(information, "bits"),
        ]);

        var labels = lesson.TrainImages.Labels.CountBy(label => label).Select(pair => (long)pair.Value).ToArray();
        var best = information.Cast<double>().Max();
        var place = information.Cast<double>().Index().MaxBy(cell => cell.Item).Index;
        Console.WriteLine($"The digit has {InformationTheory.EntropyFromCounts(labels, unit: InformationUnit.Bits):0.00} bits. The pixel "
            + $"with the most mutual information, row {place / Lesson.Side}, column {place % Lesson.Side}, has "
            + $"{entropy[place / Lesson.Side, place % Lesson.Side]:0.00} bits of entropy and {best:0.00} of mutual information; a corner "
            + $"has {information[0, 0]:0.00}.");
        return best;
    }

    private static (double Estimate, double Truth) Convergence(Lesson lesson)
    {
        const double correlation = 0.9;
        var random = new Random(5);
        var repeats = lesson.Quick ? 20 : 100;

        double[] zipf = [.. Enumerable.Range(1, 100).Select(rank => 1.0 / rank)];
        zipf = Array.ConvertAll(zipf, weight => weight / zipf.Sum());
        var entropy = InformationTheory.Entropy(zipf);
        int[] counts = [10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000];
        var counted = counts.Select(n => Enumerable.Range(0, repeats).Select(_ => Counts(zipf, n, random)).ToArray()).ToArray();
        var entropies = new Chart("Entropy of 100 words (Zipf)", "samples", "nats, mean of the repeats", logX: true)
            .Line("relative frequencies", [.. counts.Zip(
                counted, (n, sets) => ((double)n, sets.Average(c => InformationTheory.EntropyFromCounts(c, correctBias: false))))])
            .Line("Miller–Madow", [.. counts.Zip(
                counted, (n, sets) => ((double)n, sets.Average(c => InformationTheory.EntropyFromCounts(c))))])
            .Line("truth", [.. counts.Select(n => ((double)n, entropy))], color: 7, dashed: true);

        var truth = -0.5 * Math.Log(1 - correlation * correlation);
        int[] sizes = lesson.Quick ? [20, 50, 100, 200, 500, 1_000] : [20, 50, 100, 200, 500, 1_000, 2_000, 5_000];
        double Estimate(int n)
        {
            var (x, y) = Correlated(n, correlation, random);
            return InformationTheory.MutualInformationFromSamples(x, y);
        }

        var estimates = sizes.Select(n => Enumerable.Range(0, 5).Select(_ => Estimate(n)).ToArray()).ToArray();
        var neighbors = new Chart("Mutual information at correlation 0.9", "samples", "nats", logX: true)
            .Line("mean of five", [.. sizes.Zip(estimates, (n, values) => ((double)n, values.Average()))])
            .Points(
                "nearest neighbors", [.. sizes.Zip(estimates).SelectMany(p => p.Second.Select(value => ((double)p.First, value)))],
                size: 3.5)
            .Line("truth: −½·ln(1 − 0.81)", [.. sizes.Select(n => ((double)n, truth))], color: 7, dashed: true);

        const double m0 = 0, s0 = 1, m1 = 1, s1 = 2;
        var kl = InformationTheory.DiagonalGaussianKlDivergence([m0], [s0 * s0], [m1], [s1 * s1]);
        int[] samples = [10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000];
        var monteCarlo = new Chart("KL(N(0, 1) || N(1, 4))", "samples", "nats", logX: true);
        for (var run = 0; run < 3; run++)
        {
            var (x, _) = Correlated(samples[^1], 0, random);
            var ratios = x.Select(value => Math.Log(Density(value, m0, s0)) - Math.Log(Density(value, m1, s1))).ToArray();
            monteCarlo.Line(
                run == 0 ? "mean of log p/q" : null, [.. samples.Select(n => ((double)n, ratios.Take(n).Average()))], color: run);
        }
        monteCarlo.Line("closed form", [.. samples.Select(n => ((double)n, kl))], color: 7, dashed: true);
        Chart.SavePanels(
            lesson.Output.File("information-convergence.png", "estimates from samples"), [entropies, neighbors, monteCarlo], columns: 3,
            panelWidth: 560, panelHeight: 480);

        var (plain, corrected) = (counted[3].Average(c => InformationTheory.EntropyFromCounts(c, correctBias: false)), counted[3]
            .Average(c => InformationTheory.EntropyFromCounts(c)));
        Console.WriteLine($"Entropy of 100 words, {entropy:0.000} nats: from 100 samples {plain:0.000} by relative frequencies, "
            + $"{corrected:0.000} with Miller's and Madow's correction.");
        Console.WriteLine($"Mutual information at correlation {correlation}, {truth:0.000} nats: {estimates[^1].Average():0.000} from "
            + $"{sizes[^1]:N0} samples (nearest neighbors). KL(N(0, 1) ‖ N(1, 4)): {kl:0.0000} nats in closed form.");
        return (estimates[^1].Average(), truth);
    }

    private static long[] Counts(double[] distribution, int samples, Random random)
    {
        var counts = new long[distribution.Length];
        for (var sample = 0; sample < samples; sample++)
        {
            var rest = random.NextDouble();
            var value = 0;
            while (value < distribution.Length - 1 && (rest -= distribution[value]) >= 0)
                value++;
            counts[value]++;
        }

        return counts;
    }

    private static (double[] X, double[] Y) Correlated(int count, double correlation, Random random)
    {
        var (x, y) = (new double[count], new double[count]);
        for (var i = 0; i < count; i++)
        {
            // Box and Muller: two independent normal values from two uniform ones.
            var (radius, angle) = (Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())), 2 * Math.PI * random.NextDouble());
            x[i] = radius * Math.Cos(angle);
            y[i] = correlation * x[i] + Math.Sqrt(1 - correlation * correlation) * radius * Math.Sin(angle);
        }

        return (x, y);
    }

    private static double Density(double x, double mean, double deviation) =>
        Math.Exp(-(x - mean) * (x - mean) / (2 * deviation * deviation)) / (deviation * Math.Sqrt(2 * Math.PI));

    private static double[] Normal(double mean, double deviation) => Probabilities(x => Density(x, mean, deviation));

    // Of small intervals, so that sums approximate integrals; no probability is 0.
    private static double[] Probabilities(Func<double, double> density)
    {
        double[] values = [.. _line.Select(x => Math.Max(density(x), 1e-300))];
        var sum = values.Sum();
        return Array.ConvertAll(values, value => value / sum);
    }

    private static (double, double)[] Curve(double[] probabilities) => [.. _line.Zip(probabilities, (x, p) => (x, p * 75))];
}
