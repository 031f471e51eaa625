using Microsoft.ML.Generative;

namespace Samples.Shared;

/// <summary>The usual charts in one call each, as PNG files of 900×600 pixels; <see cref="Chart"/> puts others together.</summary>
public static class Charts
{
    /// <summary>Draws lines, such as losses by step. Points that are not finite leave a gap.</summary>
    /// <exception cref="ArgumentException">No line has a finite point.</exception>
    public static void Lines(
        string path, string title, string xAxis, string yAxis, params (string Name, IReadOnlyList<(double X, double Y)> Points)[] lines)
    {
        ArgumentNullException.ThrowIfNull(lines);
        var chart = new Chart(title, xAxis, yAxis);
        foreach (var (name, points) in lines)
            chart.Line(name, points);
        chart.Save(path);
    }

    /// <summary>Draws the loss of a training by step and, where it was measured, the validation loss.</summary>
    /// <exception cref="ArgumentException">The history holds no report with a finite loss.</exception>
    public static void LossCurve(string path, string title, IReadOnlyList<TrainingProgress> history)
    {
        ArgumentNullException.ThrowIfNull(history);
        (double X, double Y)[] training = [.. history.Select(p => ((double)p.Step, p.RecentLoss))];
        (double X, double Y)[] validation = [.. history.Where(p => p.ValidationLoss is not null)
            .Select(p => ((double)p.Step, p.ValidationLoss!.Value))];
        if (validation.Length == 0)
            Lines(path, title, "step", "loss", ("training", training));
        else
            Lines(path, title, "step", "loss", ("training", training), ("validation", validation));
    }

    /// <summary>Draws points of the plane, such as latent means, each in the color of its class.</summary>
    /// <param name="path">The file.</param>
    /// <param name="title">The title.</param>
    /// <param name="xAxis">What the horizontal axis shows.</param>
    /// <param name="yAxis">What the vertical axis shows.</param>
    /// <param name="points">
    /// The points; <c>Class</c> is an index into <paramref name="classNames"/>. Points that are not finite are left out.
    /// </param>
    /// <param name="classNames">The names of all classes.</param>
    /// <exception cref="ArgumentException">No point is finite.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A class has no name.</exception>
    public static void Scatter(
        string path, string title, string xAxis, string yAxis,
        IReadOnlyList<(float X, float Y, int Class)> points, IReadOnlyList<string> classNames) =>
        new Chart(title, xAxis, yAxis).Classes(points, classNames).Save(path);

    /// <summary>
    /// Draws overlapping histograms, such as the anomaly scores of two populations; the height is the share of each population.
    /// </summary>
    /// <exception cref="ArgumentException">A population is empty or holds a value that is not finite.</exception>
    public static void Histogram(
        string path, string title, string xAxis, IReadOnlyList<(string Name, IReadOnlyList<float> Values)> populations, int bins = 50)
    {
        ArgumentNullException.ThrowIfNull(populations);
        if (populations.Count == 0)
            throw new ArgumentException($"The histogram '{title}' has no population to draw.", nameof(populations));
        foreach (var (name, values) in populations)
        {
            if (values.Count == 0 || values.Any(v => !float.IsFinite(v)))
            {
                throw new ArgumentException(
                    $"The population '{name}' of the histogram '{title}' is empty or holds a value that is not finite.",
                    nameof(populations));
            }
        }

        double low = populations.Min(p => p.Values.Min());
        double high = populations.Max(p => p.Values.Max());
        if (high <= low)
            (low, high) = (low - 0.5, low + 0.5);
        var chart = new Chart(title, xAxis, "share of the population, %");
        foreach (var (name, values) in populations)
            chart.Histogram(name, values, low, high, bins);
        chart.Save(path);
    }
}
