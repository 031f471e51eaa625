using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module05;

/// <summary>Mode collapse where it can be counted: trainings on the ring that differ in an option or two.</summary>
internal static class RingSection
{
    /// <param name="Name">What was changed.</param>
    /// <param name="Runs">A training for each seed.</param>
    public sealed record Line(string Name, IReadOnlyList<Outcome> Runs);

    /// <param name="Counts">Points near each mode.</param>
    /// <param name="Good">The share of points near any mode.</param>
    public sealed record Outcome(int[] Counts, double Good)
    {
        /// <summary>Modes with at least a quarter of their share of the points.</summary>
        public int Modes => Counts.Count(n => n >= Generated / Ring.Modes / 4);
    }

    private const int Generated = 2_000;
    private const double Edge = 6;

    private static readonly (string Name, Action<GanOptions> Change)[] _variants =
    [
        ("plain", _ => { }),
        ("R1 alone", options => options.R1Weight = 0.02),
        ("less momentum", options => options.Beta1 = 0.5),
        ("less momentum, R1", options => (options.Beta1, options.R1Weight) = (0.5, 0.02)),
        ("less momentum, R1, average", options =>
        {
            (options.Beta1, options.R1Weight) = (0.5, 0.02);
            (options.EmaDecay, options.LearningRateSchedule) = (0.99, LearningRateSchedule.Cosine);
        }),
    ];

    public static IReadOnlyList<Line> Run(Lesson lesson)
    {
        Lesson.Title("4. Mode collapse, counted");
        float[][] points = Ring.Sample(8_192, new Random(3));
        IDataView data = lesson.ML.Data.LoadFromEnumerable(points.Select(point => new Ring.Point { Features = point }).ToArray());
        var variants = lesson.Quick ? [_variants[0], _variants[^1]] : _variants;
        // Adversarial training is chaotic: what holds for one seed only says nothing.
        int[] seeds = [1, 2, 3];

        List<Line> lines = [];
        List<Chart> panels = [];
        foreach (var (name, change) in variants)
        {
            List<Outcome> runs = [];
            float[][] shown = [];
            foreach (int seed in seeds)
            {
                using GanTransformer model = Train(lesson, data, name, change, seed);
                float[][] generated = Lesson.Images(model.Generate(Generated, new() { Seed = 1 }));
                int[] counts = Ring.Count(generated);
                runs.Add(new Outcome(counts, counts.Sum() / (double)Generated));
                shown = seed == seeds[0] ? generated : shown;
            }

            lines.Add(new Line(name, runs));
            panels.Add(new Chart(name, "x₁", "x₂", equalScale: true)
                .Points("real", Pairs(points[..800]), size: 2).Points("generated", Pairs(shown[..800]), size: 2).Range(
                    -Edge, Edge, -Edge, Edge));
        }

        Chart.SavePanels(
            lesson.Output.File("ring-collapse.png", "the plain GAN and stabilized ones, on the ring"), panels,
            columns: Math.Min(3, panels.Count), panelWidth: 520, panelHeight: 540);
        foreach (Line line in lines)
        {
            Console.WriteLine(
                $"{line.Name,-26} {string.Join(", ", line.Runs.Select(run => run.Modes))} of {Ring.Modes} modes, "
                + $"{string.Join(", ", line.Runs.Select(run => run.Good.ToString("P1")))} of the points near one; "
                + $"near each, first seed: {string.Join(" ", line.Runs[0].Counts)}");
        }

        return lines;
    }

    private static GanTransformer Train(Lesson lesson, IDataView data, string name, Action<GanOptions> change, int seed)
    {
        using var progress = new ConsoleProgress($"ring, {name}, seed {seed}");
        var options = new GanOptions
        {
            InputColumnName = "Features",
            LatentSize = 2,
            HiddenSizes = [96, 96, 96],
            BatchSize = 128,
            MaxSteps = 1_500,
            LearningRate = 4e-3,
            Beta1 = 0.9,
            EmaDecay = null,
            DiscriminatorNormalization = GanNormalization.None,
            Threads = 1,
            Seed = seed,
            Progress = progress,
            CancellationToken = lesson.Cancellation,
        };
        change(options);
        return lesson.ML.Transforms.Generative().Gan(options).Fit(data);
    }

    private static (double X, double Y)[] Pairs(IEnumerable<float[]> points) => [.. points.Select(p => ((double)p[0], (double)p[1]))];
}
