using OxyPlot;
using OxyPlot.Annotations;
using OxyPlot.Axes;
using OxyPlot.Legends;
using OxyPlot.Series;

namespace Samples.Shared;

/// <summary>Finds a corner of a chart in which a legend covers no data.</summary>
internal static class LegendPlace
{
    // Estimates, in pixels: of a letter, a line and the frame of a legend, and of what lies around the plot's area.
    private const double LetterWidth = 7.5;
    private const double LineHeight = 21;
    private const double FrameWidth = 56;
    private const double FrameHeight = 24;
    private const double Margins = 110;

    // Lines are looked at in steps of this part of the chart.
    private const double Step = 0.005;

    private static readonly LegendPosition[] _corners =
        [LegendPosition.RightTop, LegendPosition.LeftTop, LegendPosition.RightBottom, LegendPosition.LeftBottom];

    /// <summary>The first corner that is empty; <see langword="null"/> if none is.</summary>
    /// <param name="model">The chart, whose first axes are the horizontal and the vertical one.</param>
    /// <param name="width">Its width in pixels.</param>
    /// <param name="height">Its height in pixels.</param>
    public static LegendPosition? Find(PlotModel model, int width, int height)
    {
        string[] names = [.. model.Series.Select(series => series.Title).OfType<string>()];
        if (names.Length == 0)
            return LegendPosition.RightTop;
        double boxWidth = (names.Max(name => name.Length) * LetterWidth + FrameWidth) / Math.Max(1, width - Margins);
        double boxHeight = (names.Length * LineHeight + FrameHeight) / Math.Max(1, height - Margins);
        (double X, double Y)[] places = [.. Places(model)];
        foreach (LegendPosition corner in _corners)
        {
            bool isLeft = corner is LegendPosition.LeftTop or LegendPosition.LeftBottom;
            bool isBottom = corner is LegendPosition.RightBottom or LegendPosition.LeftBottom;
            if (!places.Any(p => (isLeft ? p.X : 1 - p.X) < boxWidth && (isBottom ? p.Y : 1 - p.Y) < boxHeight))
                return corner;
        }

        return null;
    }

    // Where there is something, from (0, 0) in the lower left corner to (1, 1).
    private static IEnumerable<(double X, double Y)> Places(PlotModel model)
    {
        List<(double X, double Y)[]> paths = [];
        foreach (Series series in model.Series)
        {
            paths.AddRange(series switch
            {
                LineSeries line => [[.. line.Points.Select(p => (p.X, p.Y))]],
                ScatterSeries scatter => scatter.Points.Select(p => new[] { (p.X, p.Y) }),
                // Each bar by its outline.
                RectangleBarSeries bars => bars.Items.Select(b => new[] { (b.X0, b.Y0), (b.X0, b.Y1), (b.X1, b.Y1), (b.X1, b.Y0) }),
                _ => [],
            });
        }

        paths.AddRange(model.Annotations.OfType<TextAnnotation>().Select(text => new[] { (text.TextPosition.X, text.TextPosition.Y) }));
        paths.AddRange(model.Annotations.OfType<ArrowAnnotation>().Select(arrow =>
            new[] { (arrow.StartPoint.X, arrow.StartPoint.Y), (arrow.EndPoint.X, arrow.EndPoint.Y) }));
        (double X, double Y)[][] finite =
            [.. paths.Select(path => path.Where(p => double.IsFinite(p.X) && double.IsFinite(p.Y)).ToArray())];
        Func<double, double> across = Scale(model.Axes[0], finite.SelectMany(path => path).Select(p => p.X));
        Func<double, double> up = Scale(model.Axes[1], finite.SelectMany(path => path).Select(p => p.Y));
        return finite.SelectMany(path => Along([.. path.Select(p => (across(p.X), up(p.Y)))]));
    }

    private static IEnumerable<(double X, double Y)> Along((double X, double Y)[] path)
    {
        for (int i = 0; i < path.Length; i++)
        {
            var (from, to) = (path[Math.Max(0, i - 1)], path[i]);
            double length = Math.Max(Math.Abs(to.X - from.X), Math.Abs(to.Y - from.Y));
            int steps = (int)Math.Min(1_000, 1 + length / Step);
            for (int step = 1; step <= steps; step++)
                yield return (from.X + (to.X - from.X) * step / steps, from.Y + (to.Y - from.Y) * step / steps);
        }
    }

    // From a value to its place on an axis, 0 to 1.
    private static Func<double, double> Scale(Axis axis, IEnumerable<double> values)
    {
        Func<double, double> value = axis is LogarithmicAxis ? v => Math.Log(Math.Max(v, double.Epsilon)) : v => v;
        double[] all = [.. values.Where(v => axis is not LogarithmicAxis || v > 0).Select(value)];
        if (all.Length == 0)
            return _ => 0.5;
        double low = double.IsNaN(axis.Minimum) ? all.Min() : value(axis.Minimum);
        double high = double.IsNaN(axis.Maximum) ? all.Max() : value(axis.Maximum);
        if (!double.IsNaN(axis.AbsoluteMinimum) && axis.AbsoluteMinimum > double.MinValue && double.IsNaN(axis.Minimum))
            low = Math.Min(low, value(axis.AbsoluteMinimum));
        double padding = high - low;
        low -= double.IsNaN(axis.Minimum) ? axis.MinimumPadding * padding : 0;
        high += double.IsNaN(axis.Maximum) ? axis.MaximumPadding * padding : 0;
        return high > low ? v => (value(v) - low) / (high - low) : _ => 0.5;
    }
}
