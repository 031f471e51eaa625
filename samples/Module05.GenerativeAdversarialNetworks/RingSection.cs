using Microsoft.ML;
using Microsoft.ML.Generative;
using Samples.Shared;

namespace Module05;

/// <summary>Collapse where it can be counted: games on the ring, the same but for an option or two.</summary>
internal static class RingSection
{
    /// <param name="Name">What was changed.</param>
    /// <param name="Counts">Points near each mode.</param>
    /// <param name="Good">Points near any, as a part of all.</param>
    public sealed record Line(string Name, int[] Counts, double Good)
    {
        /// <summary>Modes that at least a quarter of their share falls on.</summary>
        public int Modes => Counts.Count(n => n >= Drawn / Ring.Modes / 4);
    }

    private const int Drawn = 2_000;
    private const double Edge = 6;

    public static IReadOnlyList<Line> Run(Lesson lesson)
    {
        Lesson.Title("3. Collapse, counted");
        var random = new Random(3);
        float[][] points = Ring.Draw(8_192, random);
        IDataView data = lesson.ML.Data.LoadFromEnumerable(points.Select(point => new Ring.Point { Features = point }).ToArray());
        (string Name, Action<GanOptions>[] Changes)[] games =
        [
            ("plain", []),
            ("R1 alone", [Penalty]),
            ("less momentum", [LessMomentum]),
            ("less momentum, R1", [LessMomentum, Penalty]),
            ("less momentum, R1, mean", [LessMomentum, Penalty, Mean]),
        ];
        if (lesson.Quick)
            games = [games[0], games[^1]];

        List<Line> lines = [];
        List<Chart> panels = [];
        foreach (var (name, changes) in games)
        {
            GanOptions options = Plain();
            foreach (Action<GanOptions> change in changes)
                change(options);
            float[][] drawn = Lesson.Images(lesson.Fit($"ring, {name}", options, data).Model.Generate(Drawn, new() { Seed = 1 }));
            int[] counts = Ring.Count(drawn);
            lines.Add(new Line(name, counts, counts.Sum() / (double)Drawn));
            panels.Add(new Chart(name, "x₁", "x₂", equalScale: true)
                .Points("real", Pairs(points[..800]), size: 2).Points("generated", Pairs(drawn[..800]), size: 2).Range(-Edge, Edge, -Edge, Edge).Legend());
        }

        Chart.SavePanels(lesson.Output.File("ring-collapse.png", "the plain game and what is done about it, on the ring"), panels, columns: Math.Min(3, panels.Count), panelWidth: 520, panelHeight: 540);
        foreach (Line line in lines)
            Console.WriteLine($"{line.Name,-26} {line.Modes} of {Ring.Modes} modes, {line.Good,6:P1} of the points near one; near each: {string.Join(" ", line.Counts)}");
        return lines;
    }

    private static GanOptions Plain() => new()
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
    };

    private static void Penalty(GanOptions options) => options.R1Weight = 0.02;

    private static void LessMomentum(GanOptions options) => options.Beta1 = 0.5;

    private static void Mean(GanOptions options) => (options.EmaDecay, options.LearningRateSchedule) = (0.99, LearningRateSchedule.Cosine);

    private static (double X, double Y)[] Pairs(IEnumerable<float[]> points) => [.. points.Select(p => ((double)p[0], (double)p[1]))];
}
