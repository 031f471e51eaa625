using Microsoft.ML.Generative;

namespace Module05;

/// <summary>Reports of a training as lines of a chart.</summary>
internal static class Curves
{
    /// <summary>A term of the reports by step, smoothed.</summary>
    public static (double X, double Y)[] Term(IReadOnlyList<TrainingProgress> history, string name) =>
        Smooth([.. history.Where(p => p.LossTerms.ContainsKey(name)).Select(p => ((double)p.Step, p.LossTerms[name]))]);

    /// <summary>A hundred means of neighbors, to see a line in noise.</summary>
    public static (double X, double Y)[] Smooth(IReadOnlyList<(double X, double Y)> points) =>
        [.. points.Chunk(Math.Max(1, points.Count / 100)).Select(part => (part.Average(p => p.X), part.Average(p => p.Y)))];
}
