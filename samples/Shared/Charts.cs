using Microsoft.ML.Generative;
using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Legends;
using OxyPlot.Series;

namespace Samples.Shared;

/// <summary>Charts as PNG files of 900×600 pixels on white; they need no fonts on the machine.</summary>
public static class Charts
{
    private const int Width = 900;
    private const int Height = 600;

    private static readonly OxyColor _ink = OxyColor.FromRgb(0x33, 0x33, 0x33);
    private static readonly OxyColor _grid = OxyColor.FromRgb(0xE6, 0xE6, 0xE6);

    private static readonly OxyColor[] _palette =
    [
        OxyColor.FromRgb(0x1F, 0x77, 0xB4), OxyColor.FromRgb(0xFF, 0x7F, 0x0E), OxyColor.FromRgb(0x2C, 0xA0, 0x2C),
        OxyColor.FromRgb(0xD6, 0x27, 0x28), OxyColor.FromRgb(0x94, 0x67, 0xBD), OxyColor.FromRgb(0x8C, 0x56, 0x4B),
        OxyColor.FromRgb(0xE3, 0x77, 0xC2), OxyColor.FromRgb(0x7F, 0x7F, 0x7F), OxyColor.FromRgb(0xBC, 0xBD, 0x22),
        OxyColor.FromRgb(0x17, 0xBE, 0xCF),
    ];

    private static readonly MarkerType[] _markers = [MarkerType.Circle, MarkerType.Square, MarkerType.Triangle, MarkerType.Diamond];

    /// <summary>Draws lines, such as losses by step. Points that are not finite leave a gap.</summary>
    /// <exception cref="ArgumentException">No line has a finite point.</exception>
    public static void Lines(
        string path, string title, string xAxis, string yAxis, params (string Name, IReadOnlyList<(double X, double Y)> Points)[] lines)
    {
        ArgumentNullException.ThrowIfNull(lines);
        if (!lines.Any(line => line.Points.Any(p => double.IsFinite(p.X) && double.IsFinite(p.Y))))
            throw new ArgumentException($"The chart '{title}' has no finite point to draw.", nameof(lines));

        var model = NewModel(title, xAxis, yAxis);
        foreach (var (index, (name, points)) in lines.Index())
        {
            var series = new LineSeries
            {
                Title = name,
                Color = _palette[index % _palette.Length],
                StrokeThickness = 2,
                LineJoin = LineJoin.Round,
                // A line of one point would be invisible.
                MarkerType = points.Count <= 30 ? MarkerType.Circle : MarkerType.None,
                MarkerFill = _palette[index % _palette.Length],
                MarkerSize = 3.5,
            };
            series.Points.AddRange(points.Select(p => new DataPoint(p.X, p.Y)));
            model.Series.Add(series);
        }
        if (lines.Length > 1)
            AddLegend(model, LegendPlacement.Inside);
        PlotCanvas.SavePng(model, path, Width, Height);
    }

    /// <summary>Draws the loss of a training by step and, where it was measured, the validation loss.</summary>
    /// <exception cref="ArgumentException">The history holds no report with a finite loss.</exception>
    public static void LossCurve(string path, string title, IReadOnlyList<TrainingProgress> history)
    {
        ArgumentNullException.ThrowIfNull(history);
        (double X, double Y)[] training = [.. history.Select(p => ((double)p.Step, p.Loss))];
        (double X, double Y)[] validation = [.. history.Where(p => p.ValidationLoss is not null).Select(p => ((double)p.Step, p.ValidationLoss!.Value))];
        if (validation.Length == 0)
            Lines(path, title, "step", "loss", ("training", training));
        else
            Lines(path, title, "step", "loss", ("training", training), ("validation", validation));
    }

    /// <summary>Draws points of the plane, such as latent means, each in the colour of its class.</summary>
    /// <param name="points">The points; <c>Class</c> is an index into <paramref name="classNames"/>. Points that are not finite are left out.</param>
    /// <exception cref="ArgumentException">No point is finite.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A class has no name.</exception>
    public static void Scatter(
        string path, string title, string xAxis, string yAxis,
        IReadOnlyList<(float X, float Y, int Class)> points, IReadOnlyList<string> classNames)
    {
        ArgumentNullException.ThrowIfNull(points);
        ArgumentNullException.ThrowIfNull(classNames);
        foreach (var point in points)
        {
            if (point.Class < 0 || point.Class >= classNames.Count)
                throw new ArgumentOutOfRangeException(nameof(points), $"A point has class {point.Class}, but the chart '{title}' names only {classNames.Count} classes.");
        }
        var finite = points.Where(p => float.IsFinite(p.X) && float.IsFinite(p.Y)).ToArray();
        if (finite.Length == 0)
            throw new ArgumentException($"The chart '{title}' has no finite point to draw.", nameof(points));

        var model = NewModel(title, xAxis, yAxis);
        var size = finite.Length switch { <= 500 => 4, <= 3_000 => 3, <= 10_000 => 2.2, _ => 1.5 };
        // Drawn in portions of all classes, so that the last class does not hide the others.
        foreach (var portion in finite.Chunk(finite.Length / 16 + 1))
        {
            foreach (var group in portion.GroupBy(p => p.Class))
            {
                var series = NewScatter(group.Key, size, alpha: 190);
                series.Points.AddRange(group.Select(p => new ScatterPoint(p.X, p.Y)));
                model.Series.Add(series);
            }
        }
        // The legend draws markers as large as the series'; these carry no points.
        foreach (var (index, name) in classNames.Index())
        {
            var series = NewScatter(index, size: 6, alpha: 255);
            series.Title = name;
            model.Series.Add(series);
        }
        AddLegend(model, LegendPlacement.Outside);
        PlotCanvas.SavePng(model, path, Width, Height);
    }

    /// <summary>Draws overlapping histograms, such as the anomaly scores of two populations; the height is the share of each population.</summary>
    /// <exception cref="ArgumentException">A population is empty or holds a value that is not finite.</exception>
    public static void Histogram(
        string path, string title, string xAxis, IReadOnlyList<(string Name, IReadOnlyList<float> Values)> populations, int bins = 50)
    {
        ArgumentNullException.ThrowIfNull(populations);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bins);
        if (populations.Count == 0)
            throw new ArgumentException($"The histogram '{title}' has no population to draw.", nameof(populations));
        foreach (var (name, values) in populations)
        {
            if (values.Count == 0 || values.Any(v => !float.IsFinite(v)))
                throw new ArgumentException($"The population '{name}' of the histogram '{title}' is empty or holds a value that is not finite.", nameof(populations));
        }

        double low = populations.Min(p => p.Values.Min());
        double high = populations.Max(p => p.Values.Max());
        if (high <= low)
            (low, high) = (low - 0.5, low + 0.5);
        var model = NewModel(title, xAxis, "share of the population, %");
        model.Axes[1].AbsoluteMinimum = 0;
        var width = (high - low) / bins;
        foreach (var (index, (name, values)) in populations.Index())
        {
            var counts = new int[bins];
            foreach (var value in values)
                counts[Math.Min(bins - 1, (int)((value - low) / width))]++;
            var colour = _palette[index % _palette.Length];
            var series = new RectangleBarSeries
            {
                Title = name,
                FillColor = OxyColor.FromAColor(120, colour),
                StrokeColor = colour,
                StrokeThickness = 1,
            };
            foreach (var (bin, count) in counts.Index())
            {
                if (count > 0)
                    series.Items.Add(new RectangleBarItem(low + bin * width, 0, low + (bin + 1) * width, 100.0 * count / values.Count));
            }
            model.Series.Add(series);
        }
        if (populations.Count > 1)
            AddLegend(model, LegendPlacement.Inside);
        PlotCanvas.SavePng(model, path, Width, Height);
    }

    private static PlotModel NewModel(string title, string xAxis, string yAxis)
    {
        var model = new PlotModel
        {
            Title = title,
            TitleFontSize = 20,
            TitleFontWeight = FontWeights.Normal,
            TitleColor = _ink,
            TitlePadding = 12,
            TextColor = _ink,
            PlotAreaBorderColor = OxyColor.FromRgb(0xB0, 0xB0, 0xB0),
            Background = OxyColors.White,
            Padding = new OxyThickness(12, 8, 20, 12),
        };
        model.Axes.Add(NewAxis(AxisPosition.Bottom, xAxis));
        model.Axes.Add(NewAxis(AxisPosition.Left, yAxis));
        return model;
    }

    private static LinearAxis NewAxis(AxisPosition position, string title) => new()
    {
        Position = position,
        Title = title,
        FontSize = 14,
        TitleFontSize = 15,
        AxisTitleDistance = 8,
        MajorGridlineStyle = LineStyle.Solid,
        MajorGridlineColor = _grid,
        TicklineColor = OxyColor.FromRgb(0xB0, 0xB0, 0xB0),
        MinorTickSize = 0,
        MinimumPadding = 0.03,
        MaximumPadding = 0.05,
    };

    private static ScatterSeries NewScatter(int index, double size, byte alpha) => new()
    {
        MarkerType = _markers[index / _palette.Length % _markers.Length],
        MarkerFill = OxyColor.FromAColor(alpha, _palette[index % _palette.Length]),
        MarkerSize = size,
    };

    private static void AddLegend(PlotModel model, LegendPlacement placement) => model.Legends.Add(new Legend
    {
        LegendPlacement = placement,
        LegendPosition = LegendPosition.RightTop,
        LegendFontSize = 14,
        LegendTextColor = _ink,
        LegendBackground = OxyColor.FromAColor(220, OxyColors.White),
        LegendBorder = placement == LegendPlacement.Inside ? _grid : OxyColors.Undefined,
        LegendPadding = 8,
        LegendLineSpacing = 3,
    });
}
