using System.Globalization;
using OxyPlot;
using OxyPlot.Annotations;
using OxyPlot.Axes;
using OxyPlot.Legends;
using OxyPlot.Series;

namespace Samples.Shared;

/// <summary>
/// A chart that is put together from lines, points, histograms, heat maps and arrows, and written as PNG on white; it needs no fonts
/// on the machine. <see cref="Charts"/> has the usual ones ready made.
/// </summary>
/// <example>
/// <code>
/// new Chart("sin and its samples", "x", "y")
///     .Line("sin", curve)
///     .Points("samples", samples)
///     .Save("sin.png");
/// </code>
/// </example>
public sealed class Chart
{
    private const int Width = 900;
    private const int Height = 600;

    private static readonly OxyColor _ink = OxyColor.FromRgb(0x33, 0x33, 0x33);
    private static readonly OxyColor _grid = OxyColor.FromRgb(0xE6, 0xE6, 0xE6);
    private static readonly OxyColor _border = OxyColor.FromRgb(0xB0, 0xB0, 0xB0);

    private static readonly OxyColor[] _palette =
    [
        OxyColor.FromRgb(0x1F, 0x77, 0xB4), OxyColor.FromRgb(0xFF, 0x7F, 0x0E), OxyColor.FromRgb(0x2C, 0xA0, 0x2C),
        OxyColor.FromRgb(0xD6, 0x27, 0x28), OxyColor.FromRgb(0x94, 0x67, 0xBD), OxyColor.FromRgb(0x8C, 0x56, 0x4B),
        OxyColor.FromRgb(0xE3, 0x77, 0xC2), OxyColor.FromRgb(0x7F, 0x7F, 0x7F), OxyColor.FromRgb(0xBC, 0xBD, 0x22),
        OxyColor.FromRgb(0x17, 0xBE, 0xCF),
    ];

    private static readonly MarkerType[] _markers = [MarkerType.Circle, MarkerType.Square, MarkerType.Triangle, MarkerType.Diamond];

    private readonly PlotModel _model;
    private LegendPlacement _legendPlacement = LegendPlacement.Inside;
    private int _named;
    private bool _hasContent;

    /// <summary>Makes an empty chart.</summary>
    /// <param name="title">The title.</param>
    /// <param name="xAxis">What the horizontal axis shows, with its unit.</param>
    /// <param name="yAxis">What the vertical axis shows, with its unit.</param>
    /// <param name="logX">Whether the horizontal axis is logarithmic.</param>
    /// <param name="logY">Whether the vertical axis is logarithmic.</param>
    /// <param name="equalScale">Whether a unit is as long on both axes, for shapes of the plane.</param>
    public Chart(string title, string xAxis, string yAxis, bool logX = false, bool logY = false, bool equalScale = false)
    {
        _model = new PlotModel
        {
            Title = title,
            TitleFontSize = 20,
            TitleFontWeight = FontWeights.Normal,
            TitleColor = _ink,
            TitlePadding = 12,
            TextColor = _ink,
            PlotAreaBorderColor = _border,
            Background = OxyColors.White,
            Padding = new OxyThickness(12, 8, 20, 12),
            PlotType = equalScale ? PlotType.Cartesian : PlotType.XY,
        };
        _model.Axes.Add(NewAxis(AxisPosition.Bottom, xAxis, logX));
        _model.Axes.Add(NewAxis(AxisPosition.Left, yAxis, logY));
    }

    /// <summary>Adds a line. Points that are not finite leave a gap.</summary>
    /// <param name="name">Its name in the legend; <see langword="null"/> for none.</param>
    /// <param name="points">The points; up to 30 are marked.</param>
    /// <param name="color">Its place in the palette; by default the next.</param>
    /// <param name="dashed">Whether it is dashed, for references.</param>
    public Chart Line(string? name, IReadOnlyList<(double X, double Y)> points, int? color = null, bool dashed = false)
    {
        ArgumentNullException.ThrowIfNull(points);
        var paint = Color(name, color);
        var series = new LineSeries
        {
            Title = name,
            Color = paint,
            StrokeThickness = 2,
            LineJoin = LineJoin.Round,
            LineStyle = dashed ? LineStyle.Dash : LineStyle.Solid,
            // A line of one point would be invisible.
            MarkerType = points.Count <= 30 && !dashed ? MarkerType.Circle : MarkerType.None,
            MarkerFill = paint,
            MarkerSize = 3.5,
        };
        series.Points.AddRange(points.Select(p => new DataPoint(p.X, p.Y)));
        _hasContent |= points.Any(p => double.IsFinite(p.X) && double.IsFinite(p.Y));
        _model.Series.Add(series);
        return this;
    }

    /// <summary>Adds points without a line. Points that are not finite are left out.</summary>
    /// <param name="name">Their name in the legend; <see langword="null"/> for none.</param>
    /// <param name="points">The points.</param>
    /// <param name="color">Their place in the palette; by default the next.</param>
    /// <param name="size">The marker's radius in pixels.</param>
    public Chart Points(string? name, IReadOnlyList<(double X, double Y)> points, int? color = null, double size = 5)
    {
        ArgumentNullException.ThrowIfNull(points);
        var series = new ScatterSeries { Title = name, MarkerType = MarkerType.Circle, MarkerFill = Color(name, color), MarkerSize = size };
        series.Points.AddRange(points.Where(p => double.IsFinite(p.X) && double.IsFinite(p.Y)).Select(p => new ScatterPoint(p.X, p.Y)));
        _hasContent |= series.Points.Count > 0;
        _model.Series.Add(series);
        return this;
    }

    /// <summary>Adds points of the plane, such as latent means, each in the color of its class, with a legend beside the chart.</summary>
    /// <param name="points">
    /// The points; <c>Class</c> is an index into <paramref name="classNames"/>. Points that are not finite are left out.
    /// </param>
    /// <param name="classNames">The names of all classes.</param>
    /// <exception cref="ArgumentOutOfRangeException">A class has no name.</exception>
    public Chart Classes(IReadOnlyList<(float X, float Y, int Class)> points, IReadOnlyList<string> classNames)
    {
        ArgumentNullException.ThrowIfNull(points);
        ArgumentNullException.ThrowIfNull(classNames);
        foreach (var point in points)
        {
            if (point.Class < 0 || point.Class >= classNames.Count)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(points),
                    $"A point has class {point.Class}, but the chart '{_model.Title}' names only {classNames.Count} classes.");
            }
        }

        var finite = points.Where(p => float.IsFinite(p.X) && float.IsFinite(p.Y)).ToArray();
        var size = finite.Length switch { <= 500 => 4, <= 3_000 => 3, <= 10_000 => 2.2, _ => 1.5 };
        // Drawn in portions of all classes, so that the last class does not hide the others.
        foreach (var portion in finite.Chunk(finite.Length / 16 + 1))
        {
            foreach (var group in portion.GroupBy(p => p.Class))
            {
                var series = ClassMarkers(group.Key, size, alpha: 190);
                series.Points.AddRange(group.Select(p => new ScatterPoint(p.X, p.Y)));
                _model.Series.Add(series);
            }
        }
        // The legend draws markers as large as the series'; these carry no points.
        foreach (var (index, name) in classNames.Index())
        {
            var series = ClassMarkers(index, size: 6, alpha: 255);
            series.Title = name;
            _model.Series.Add(series);
        }

        _hasContent |= finite.Length > 0;
        _named += 2;
        _legendPlacement = LegendPlacement.Outside;
        return this;
    }

    /// <summary>Adds a histogram; the height is the share of the values in percent.</summary>
    /// <param name="name">Its name in the legend; <see langword="null"/> for none.</param>
    /// <param name="values">The values.</param>
    /// <param name="low">Where the first bin begins.</param>
    /// <param name="high">Where the last bin ends.</param>
    /// <param name="bins">How many bins.</param>
    public Chart Histogram(string? name, IReadOnlyList<float> values, double low, double high, int bins = 50)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bins);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(high, low);
        var width = (high - low) / bins;
        var counts = new int[bins];
        foreach (var value in values)
        {
            if (value >= low && value <= high)
                counts[Math.Min(bins - 1, (int)((value - low) / width))]++;
        }

        var color = Color(name, null);
        var series =
            new RectangleBarSeries { Title = name, FillColor = OxyColor.FromAColor(120, color), StrokeColor = color, StrokeThickness = 1 };
        foreach (var (bin, count) in counts.Index())
        {
            if (count > 0)
                series.Items.Add(new RectangleBarItem(low + bin * width, 0, low + (bin + 1) * width, 100.0 * count / values.Count));
        }

        _hasContent |= series.Items.Count > 0;
        _model.Axes[1].AbsoluteMinimum = 0;
        _model.Series.Add(series);
        return this;
    }

    /// <summary>Adds bars with a name below each group: one bar of each series in a group.</summary>
    /// <param name="labels">The names of the groups.</param>
    /// <param name="series">The names of the series, <see langword="null"/> for none in the legend, and a value for each group.</param>
    /// <exception cref="ArgumentException">A series has another number of values than there are names.</exception>
    public Chart Bars(IReadOnlyList<string> labels, params IReadOnlyList<(string? Name, IReadOnlyList<double> Values)> series)
    {
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(series);
        const double groupWidth = 0.8;
        var width = groupWidth / Math.Max(1, series.Count);
        foreach (var (place, (name, values)) in series.Index())
        {
            if (values.Count != labels.Count)
            {
                throw new ArgumentException(
                    $"The bars of the chart '{_model.Title}' have {values.Count} values; there are {labels.Count} names.", nameof(series));
            }
            var bars = new RectangleBarSeries { Title = name, FillColor = Color(name, null), StrokeThickness = 0 };
            foreach (var (group, value) in values.Index())
            {
                var left = group - groupWidth / 2 + place * width;
                bars.Items.Add(new RectangleBarItem(left, 0, left + 0.9 * width, value));
            }

            _hasContent |= values.Count > 0;
            _model.Series.Add(bars);
        }

        NameUnits(_model.Axes[0], labels);
        _model.Axes[0].MajorGridlineStyle = LineStyle.None;
        (_model.Axes[0].Minimum, _model.Axes[0].Maximum) = (-0.6, labels.Count - 0.4);
        if (series.All(one => one.Values.All(value => value >= 0)))
            _model.Axes[1].AbsoluteMinimum = 0;
        return this;
    }

    /// <summary>Adds a heat map of a table: row 0 on top, as in an image, with its color scale at the right.</summary>
    /// <param name="values">The table.</param>
    /// <param name="valueAxis">What the colors show, with its unit.</param>
    /// <param name="labels">Names of rows and columns; by default their numbers.</param>
    /// <param name="cellFormat">How a cell's value is written into it, such as <c>0.0</c>; by default it is not.</param>
    public Chart HeatMap(double[,] values, string valueAxis, IReadOnlyList<string>? labels = null, string? cellFormat = null)
    {
        ArgumentNullException.ThrowIfNull(values);
        int rows = values.GetLength(0), columns = values.GetLength(1);
        var data = new double[columns, rows];
        for (var row = 0; row < rows; row++)
        {
            for (var column = 0; column < columns; column++)
                data[column, row] = values[row, column];
        }

        _model.Series.Add(new HeatMapSeries
        {
            X0 = 0,
            X1 = columns - 1,
            Y0 = 0,
            Y1 = rows - 1,
            Data = data,
            Interpolate = false,
            LabelFontSize = cellFormat is null ? 0 : 0.3,
            LabelFormatString = cellFormat ?? "0.00",
        });
        _model.Axes[1].StartPosition = 1;
        _model.Axes[1].EndPosition = 0;
        foreach (var axis in _model.Axes)
        {
            axis.MajorGridlineStyle = LineStyle.None;
            (axis.MinimumPadding, axis.MaximumPadding) = (0, 0);
            (axis.Minimum, axis.Maximum) = (-0.5, (axis.IsHorizontal() ? columns : rows) - 0.5);
            if (labels is not null)
                NameUnits(axis, labels);
        }

        var scale = NewAxis<LinearColorAxis>(AxisPosition.Right, valueAxis);
        scale.Palette = OxyPalettes.Viridis(256);
        scale.MajorGridlineStyle = LineStyle.None;
        (scale.MinimumPadding, scale.MaximumPadding) = (0, 0);
        _model.Axes.Add(scale);
        _hasContent |= data.Length > 0;
        return this;
    }

    /// <summary>Adds contour lines of a function of the plane.</summary>
    /// <param name="function">The function.</param>
    /// <param name="x">The horizontal range.</param>
    /// <param name="y">The vertical range.</param>
    /// <param name="levels">The values whose lines are drawn.</param>
    public Chart Contours(
        Func<double, double, double> function, (double Low, double High) x, (double Low, double High) y, params double[] levels)
    {
        ArgumentNullException.ThrowIfNull(function);
        var xs = ArrayBuilder.CreateVector(x.Low, x.High, 101);
        var ys = ArrayBuilder.CreateVector(y.Low, y.High, 101);
        var data = ArrayBuilder.Evaluate(function, xs, ys);
        _model.Series.Add(new ContourSeries
        {
            ColumnCoordinates = xs,
            RowCoordinates = ys,
            Data = data,
            ContourLevels = levels,
            Color = _border,
            StrokeThickness = 1,
        });
        foreach (var (index, level) in levels.Index())
        {
            DataPoint[] onLine = [.. Crossings(data, xs, ys, level)];
            if (onLine.Length > 0)
                AddContourLabel(level, onLine[(index + 1) * onLine.Length / (levels.Length + 1)]);
        }

        _hasContent = true;
        return this;
    }

    // OxyPlot's own labels depend on how it joins the pieces of a line.
    private void AddContourLabel(double level, DataPoint place) => _model.Annotations.Add(new TextAnnotation
    {
        TextPosition = place,
        Text = level.ToString("0.##", CultureInfo.InvariantCulture),
        FontSize = 11,
        Stroke = OxyColors.Undefined,
        TextColor = _ink,
        Background = OxyColor.FromAColor(190, OxyColors.White),
        Padding = new OxyThickness(1),
        TextHorizontalAlignment = HorizontalAlignment.Center,
        TextVerticalAlignment = VerticalAlignment.Middle,
    });

    // Where a contour line crosses the rows of the grid.
    private static IEnumerable<DataPoint> Crossings(double[,] data, double[] xs, double[] ys, double level)
    {
        for (int j = 0; j < ys.Length; j++)
        {
            for (int i = 0; i + 1 < xs.Length; i++)
            {
                double before = data[i, j] - level, after = data[i + 1, j] - level;
                if (before * after < 0)
                    yield return new DataPoint(xs[i] + (xs[i + 1] - xs[i]) * before / (before - after), ys[j]);
            }
        }
    }

    /// <summary>Adds arrows, such as a vector field.</summary>
    /// <param name="name">Their name in the legend; <see langword="null"/> for none.</param>
    /// <param name="arrows">Where each begins, and how far it goes.</param>
    /// <param name="color">Their place in the palette; by default the next.</param>
    /// <param name="thickness">The line's thickness in pixels.</param>
    public Chart Arrows(
        string? name, IEnumerable<(double X, double Y, double DX, double DY)> arrows, int? color = null, double thickness = 1.5)
    {
        ArgumentNullException.ThrowIfNull(arrows);
        var paint = Color(name, color);
        foreach (var (x, y, dx, dy) in arrows)
        {
            _model.Annotations.Add(new ArrowAnnotation
            {
                StartPoint = new DataPoint(x, y),
                EndPoint = new DataPoint(x + dx, y + dy),
                Color = paint,
                StrokeThickness = thickness,
                HeadLength = 5,
                HeadWidth = 2.5,
            });
            _hasContent = true;
        }
        // Annotations have no place in the legend.
        if (name is not null)
            _model.Series.Add(new LineSeries { Title = name, Color = paint, StrokeThickness = 2 });
        return this;
    }

    /// <summary>Adds a thin line without marks or a name, of which many make a net.</summary>
    /// <param name="points">The points.</param>
    /// <param name="color">Its place in the palette.</param>
    public Chart Path(IReadOnlyList<(double X, double Y)> points, int color)
    {
        ArgumentNullException.ThrowIfNull(points);
        var series = new LineSeries { Color = OxyColor.FromAColor(200, _palette[color % _palette.Length]), StrokeThickness = 1.3 };
        series.Points.AddRange(points.Select(p => new DataPoint(p.X, p.Y)));
        _hasContent |= points.Any(p => double.IsFinite(p.X) && double.IsFinite(p.Y));
        _model.Series.Add(series);
        return this;
    }

    /// <summary>Adds a net: lines through the rows (first color) and columns (second color) of a table of points.</summary>
    /// <param name="nodes">The points.</param>
    public Chart Mesh((double X, double Y)[,] nodes)
    {
        ArgumentNullException.ThrowIfNull(nodes);
        int rows = nodes.GetLength(0), columns = nodes.GetLength(1);
        for (var row = 0; row < rows; row++)
            Path([.. Enumerable.Range(0, columns).Select(column => nodes[row, column])], 0);
        for (var column = 0; column < columns; column++)
            Path([.. Enumerable.Range(0, rows).Select(row => nodes[row, column])], 1);
        return this;
    }

    /// <summary>Adds a word at a point.</summary>
    public Chart Text(double x, double y, string text)
    {
        _model.Annotations.Add(new TextAnnotation
        {
            TextPosition = new DataPoint(x, y),
            Text = text,
            FontSize = 14,
            Stroke = OxyColors.Undefined,
            TextColor = _ink,
        });
        return this;
    }

    /// <summary>Fixes what the axes show; <see langword="null"/> leaves a bound to the data.</summary>
    public Chart Range(double? xLow = null, double? xHigh = null, double? yLow = null, double? yHigh = null)
    {
        (_model.Axes[0].Minimum, _model.Axes[0].Maximum) = (xLow ?? double.NaN, xHigh ?? double.NaN);
        (_model.Axes[1].Minimum, _model.Axes[1].Maximum) = (yLow ?? double.NaN, yHigh ?? double.NaN);
        return this;
    }

    /// <summary>Puts the legend beside the chart. By default it is in a corner that is empty, and beside the chart where none is.</summary>
    public Chart LegendOutside()
    {
        _legendPlacement = LegendPlacement.Outside;
        return this;
    }

    /// <summary>Writes the chart as PNG; the file appears whole or not at all.</summary>
    /// <exception cref="ArgumentException">The chart has no finite point to draw.</exception>
    public void Save(string path, int width = Width, int height = Height) =>
        PlotCanvas.SavePng([Finished(width, height)], 1, path, width, height);

    /// <summary>Writes several charts side by side, row by row, as one PNG.</summary>
    /// <param name="path">The file.</param>
    /// <param name="charts">The charts.</param>
    /// <param name="columns">Charts in a row.</param>
    /// <param name="panelWidth">Width of each, in pixels.</param>
    /// <param name="panelHeight">Height of each, in pixels.</param>
    /// <exception cref="ArgumentException">There is no chart, or one has no finite point to draw.</exception>
    public static void SavePanels(string path, IReadOnlyList<Chart> charts, int columns = 2, int panelWidth = 700, int panelHeight = 560)
    {
        ArgumentNullException.ThrowIfNull(charts);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(columns);
        if (charts.Count == 0)
            throw new ArgumentException("There is no chart to draw.", nameof(charts));
        // Panels of shapes are compared with each other: a legend below one of them would make it smaller than the others.
        bool isBelowAll = charts.All(chart => chart._model.PlotType == PlotType.Cartesian)
            && charts.Any(chart => chart._named > 1 && LegendPlace.Find(chart._model, panelWidth, panelHeight) is null);
        PlotCanvas.SavePng(
            [.. charts.Select(chart => chart.Finished(panelWidth, panelHeight, isBelow: true, isOutside: isBelowAll))],
            Math.Min(columns, charts.Count), path, panelWidth, panelHeight);
    }

    // A legend that is not inside is beside the chart, or below it where the chart is one of several and has no width to lose.
    private PlotModel Finished(int width, int height, bool isBelow = false, bool isOutside = false)
    {
        if (!_hasContent)
            throw new ArgumentException($"The chart '{_model.Title}' has no finite point to draw.");
        if (_named > 1 && _model.Legends.Count == 0)
        {
            LegendPosition? corner = LegendPlace.Find(_model, width, height);
            bool isInside = _legendPlacement == LegendPlacement.Inside && corner is not null && !isOutside;
            _model.Legends.Add(new Legend
            {
                LegendPlacement = isInside ? LegendPlacement.Inside : LegendPlacement.Outside,
                LegendPosition = isInside ? corner!.Value : isBelow ? LegendPosition.BottomCenter : LegendPosition.RightTop,
                LegendOrientation = isBelow && !isInside ? LegendOrientation.Horizontal : LegendOrientation.Vertical,
                LegendFontSize = 14,
                LegendTextColor = _ink,
                LegendBackground = OxyColor.FromAColor(220, OxyColors.White),
                LegendBorder = isInside ? _grid : OxyColors.Undefined,
                LegendPadding = 8,
                LegendLineSpacing = 3,
            });
        }

        return _model;
    }

    private OxyColor Color(string? name, int? color)
    {
        var place = color ?? _named;
        _named += name is null ? 0 : 1;
        return _palette[place % _palette.Length];
    }

    private static void NameUnits(Axis axis, IReadOnlyList<string> names)
    {
        axis.MajorStep = 1;
        axis.LabelFormatter = place => place == Math.Floor(place) && place >= 0 && place < names.Count ? names[(int)place] : "";
    }

    private static ScatterSeries ClassMarkers(int index, double size, byte alpha) => new()
    {
        MarkerType = _markers[index / _palette.Length % _markers.Length],
        MarkerFill = OxyColor.FromAColor(alpha, _palette[index % _palette.Length]),
        MarkerSize = size,
    };

    private static Axis NewAxis(AxisPosition position, string title, bool logarithmic)
    {
        if (!logarithmic)
            return NewAxis<LinearAxis>(position, title);
        var axis = NewAxis<LogarithmicAxis>(position, title);
        axis.LabelFormatter = value => Power(value, axis.ActualMaximum / axis.ActualMinimum, axis.IsHorizontal());
        return axis;
    }

    // Powers of ten far from 1 as such: 10⁻⁶, not 1e-06. Over more than two of them, others have no room; beside each other only 2 and 4.
    private static string Power(double value, double range, bool isHorizontal)
    {
        var exponent = Math.Round(Math.Log10(value));
        var isPower = Math.Abs(Math.Log10(value) - exponent) < 1e-9;
        if (!isPower && range > 100)
            return "";
        if (isHorizontal && range >= 8 && Math.Round(value / Math.Pow(10, Math.Floor(Math.Log10(value) + 1e-9))) is not (1 or 2 or 4))
            return "";
        return !isPower || Math.Abs(exponent) < 4
            ? value.ToString("0.######", CultureInfo.InvariantCulture)
            : "10" + string.Concat(exponent.ToString(CultureInfo.InvariantCulture).Select(c => c == '-' ? '⁻' : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c - '0']));
    }

    private static T NewAxis<T>(AxisPosition position, string title)
        where T : Axis, new() => new()
        {
            Position = position,
            Title = title,
            FontSize = 14,
            TitleFontSize = 15,
            AxisTitleDistance = 8,
            MajorGridlineStyle = LineStyle.Solid,
            MajorGridlineColor = _grid,
            TicklineColor = _border,
            MinorTickSize = 0,
            MinimumPadding = 0.03,
            MaximumPadding = 0.05,
        };
}
