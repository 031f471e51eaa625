using OxyPlot;
using OxyPlot.SkiaSharp;
using SkiaSharp;

namespace Samples.Shared;

/// <summary>Draws an OxyPlot model with the embedded font.</summary>
/// <remarks>
/// OxyPlot's own context asks the system for fonts, in a method that cannot be overridden. Implementing the interface
/// again for the two text methods replaces them where OxyPlot calls them; it also leaves HarfBuzz and its native library out.
/// </remarks>
internal sealed class PlotCanvas : SkiaRenderContext, IRenderContext
{
    private const double BoldFrom = 600;

    public PlotCanvas(SKCanvas canvas)
    {
        SkCanvas = canvas;
        RenderTarget = RenderTarget.PixelGraphic;
        UseTextShaping = false;
    }

    /// <summary>Renders models side by side, row by row, as one PNG; width and height are those of each.</summary>
    public static void SavePng(IReadOnlyList<PlotModel> models, int columns, string path, int width, int height)
    {
        using var bitmap = new SKBitmap(columns * width, (models.Count + columns - 1) / columns * height);
        using (var canvas = new SKCanvas(bitmap))
        using (var context = new PlotCanvas(canvas))
        {
            canvas.Clear(SKColors.White);
            foreach (var (index, model) in models.Index())
            {
                using var restore = new SKAutoCanvasRestore(canvas);
                canvas.Translate(index % columns * width, index / columns * height);
                ((IPlotModel)model).Update(true);
                ((IPlotModel)model).Render(context, new OxyRect(0, 0, width, height));
                // OxyPlot paints its exceptions into the image instead of throwing them.
                if (model.GetLastPlotException() is { } error)
                    throw new InvalidOperationException($"The chart '{model.Title}' cannot be drawn: {error.Message}", error);
            }
        }

        AtomicFile.Write(path, stream => bitmap.Encode(stream, SKEncodedImageFormat.Png, 100));
    }

    void IRenderContext.DrawText(
        ScreenPoint p, string text, OxyColor fill, string? fontFamily, double fontSize, double fontWeight, double rotation,
        HorizontalAlignment horizontalAlignment, VerticalAlignment verticalAlignment, OxySize? maxSize)
    {
        if (string.IsNullOrEmpty(text) || !fill.IsVisible())
            return;
        using var paint = TextPaint.Create((float)fontSize, fill.ToSKColor(), fontWeight >= BoldFrom);
        var lines = text.ReplaceLineEndings("\n").Split('\n');
        var metrics = paint.FontMetrics;
        var baseline = verticalAlignment switch
        {
            VerticalAlignment.Top => -metrics.Ascent,
            VerticalAlignment.Bottom => -metrics.Descent - paint.FontSpacing * (lines.Length - 1),
            _ => -(metrics.Ascent + metrics.Descent + paint.FontSpacing * (lines.Length - 1)) / 2,
        };

        using var restore = new SKAutoCanvasRestore(SkCanvas);
        SkCanvas.Translate((float)p.X, (float)p.Y);
        SkCanvas.RotateDegrees((float)rotation);
        foreach (var line in lines)
        {
            var left = horizontalAlignment switch
            {
                HorizontalAlignment.Left => 0,
                HorizontalAlignment.Right => -paint.MeasureText(line),
                _ => -paint.MeasureText(line) / 2,
            };
            SkCanvas.DrawText(line, left, baseline, paint);
            baseline += paint.FontSpacing;
        }
    }

    OxySize IRenderContext.MeasureText(string text, string? fontFamily, double fontSize, double fontWeight)
    {
        if (string.IsNullOrEmpty(text))
            return new OxySize(0, 0);
        using var paint = TextPaint.Create((float)fontSize, SKColors.Black, fontWeight >= BoldFrom);
        var lines = text.ReplaceLineEndings("\n").Split('\n');
        return new OxySize(lines.Max(line => paint.MeasureText(line)), paint.FontSpacing * lines.Length);
    }
}
