using SkiaSharp;

namespace Samples.Shared;

/// <summary>Writes sheets of many small images as PNG files.</summary>
public static class ImageSheet
{
    private const int CaptionGap = 6;
    private const int TitleGap = 10;
    private const float LargestTitle = 18;
    private const float LargestCaption = 14;
    private const float SmallestText = 7;
    private const int MaximumPixels = 1 << 28;

    private static readonly SKColor _captionColor = new(0x33, 0x33, 0x33);

    /// <summary>Writes images row by row into one PNG; the file appears whole or not at all.</summary>
    /// <param name="path">The file; its folder is made.</param>
    /// <param name="images">Images of C×H×W values in 0..1; values outside are clamped.</param>
    /// <param name="channels">1 for gray, 3 for red, green, blue.</param>
    /// <param name="height">Height of each image in pixels.</param>
    /// <param name="width">Width of each image in pixels.</param>
    /// <param name="columns">Images in a row.</param>
    /// <param name="padding">White pixels around and between images.</param>
    /// <param name="scale">How many pixels of the sheet show one pixel of the image, in each direction.</param>
    /// <param name="columnCaptions">Text above the columns.</param>
    /// <param name="rowCaptions">Text left of the rows.</param>
    /// <param name="title">Text above the sheet.</param>
    /// <exception cref="ArgumentException">
    /// There is no image, or one has another length, a value that is not a number, or no place in a sheet of sensible size.
    /// </exception>
    public static void Save(
        string path, IEnumerable<float[]> images, int channels, int height, int width,
        int columns = 10, int padding = 2, int scale = 2,
        IReadOnlyList<string>? columnCaptions = null, IReadOnlyList<string>? rowCaptions = null, string? title = null)
    {
        ArgumentNullException.ThrowIfNull(images);
        if (channels is not (1 or 3))
            throw new ArgumentOutOfRangeException(nameof(channels), $"Images have 1 or 3 channels, not {channels}.");
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(columns);
        ArgumentOutOfRangeException.ThrowIfNegative(padding);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(scale);
        float[][] all = [.. images];
        Check(all, channels * height * width, (channels, height, width));

        columns = Math.Min(columns, all.Length);
        var rows = (all.Length + columns - 1) / columns;
        var (cellWidth, cellHeight) = (width * scale, height * scale);
        using var paint = TextPaint.Create(LargestCaption, _captionColor);
        paint.TextSize = FittingSize(paint, columnCaptions?.MaxBy(text => paint.MeasureText(text)), cellWidth + padding);
        var left = rowCaptions is { Count: > 0 } ? (int)MathF.Ceiling(rowCaptions.Max(text => paint.MeasureText(text)))
            + 2 * CaptionGap : 0;
        var sheetWidth = left + padding + (long)columns * (cellWidth + padding);
        using var titlePaint = TextPaint.Create(LargestTitle, _captionColor);
        titlePaint.TextSize = FittingSize(titlePaint, title, sheetWidth - 2 * TitleGap);
        var titleHeight = title is null ? 0 : (int)MathF.Ceiling(titlePaint.FontSpacing) + TitleGap;
        var top = titleHeight + (columnCaptions is { Count: > 0 } ? (int)MathF.Ceiling(paint.FontSpacing) + CaptionGap : 0);
        var sheetHeight = top + padding + (long)rows * (cellHeight + padding);
        if (sheetWidth * sheetHeight > MaximumPixels)
        {
            throw new ArgumentException(
                $"A sheet of {sheetWidth}×{sheetHeight} pixels is too large; take fewer images or a smaller scale.", nameof(images));
        }

        using var bitmap = new SKBitmap(new SKImageInfo((int)sheetWidth, (int)sheetHeight, SKColorType.Rgba8888, SKAlphaType.Opaque));
        bitmap.Erase(SKColors.White);
        using (var sheet = bitmap.PeekPixels())
        {
            foreach (var (index, image) in all.Index())
            {
                var x = left + padding + index % columns * (cellWidth + padding);
                var y = top + padding + index / columns * (cellHeight + padding);
                Paint(sheet, image, channels, height, width, x, y, scale);
            }
        }

        using (var canvas = new SKCanvas(bitmap))
        {
            if (title is not null)
            {
                canvas.DrawText(
                    title, (sheetWidth - titlePaint.MeasureText(title)) / 2f, TitleGap / 2f - titlePaint.FontMetrics.Ascent, titlePaint);
            }
            for (var column = 0; column < Math.Min(columns, columnCaptions?.Count ?? 0); column++)
            {
                var text = columnCaptions![column];
                var center = left + padding + column * (cellWidth + padding) + cellWidth / 2f;
                canvas.DrawText(
                    text, center - paint.MeasureText(text) / 2, titleHeight + CaptionGap / 2f - paint.FontMetrics.Ascent, paint);
            }
            for (var row = 0; row < Math.Min(rows, rowCaptions?.Count ?? 0); row++)
            {
                var text = rowCaptions![row];
                var center = top + padding + row * (cellHeight + padding) + cellHeight / 2f;
                canvas.DrawText(
                    text, left - CaptionGap - paint.MeasureText(text), center - (paint.FontMetrics.Ascent + paint.FontMetrics.Descent) / 2,
                    paint);
            }
        }
        AtomicFile.Write(path, stream => bitmap.Encode(stream, SKEncodedImageFormat.Png, 100));
    }

    private static void Check(float[][] images, int size, (int C, int H, int W) shape)
    {
        if (images.Length == 0)
            throw new ArgumentException("There is no image to write.", nameof(images));
        foreach (var (index, image) in images.Index())
        {
            if (image.Length != size)
            {
                throw new ArgumentException(
                    $"Image {index} has {image.Length} values; {shape.C}×{shape.H}×{shape.W} needs {size}.", nameof(images));
            }
            if (image.Any(float.IsNaN))
                throw new ArgumentException($"Image {index} holds a value that is not a number.", nameof(images));
        }
    }

    private static void Paint(SKPixmap sheet, float[] image, int channels, int height, int width, int left, int top, int scale)
    {
        var pixels = sheet.GetPixelSpan<byte>();
        var plane = height * width;
        for (var y = 0; y < height; y++)
        {
            var line = pixels.Slice((top + y * scale) * sheet.RowBytes + left * 4, width * scale * 4);
            for (var x = 0; x < width; x++)
            {
                var red = y * width + x;
                var (green, blue) = channels == 1 ? (red, red) : (red + plane, red + 2 * plane);
                for (var i = 0; i < scale; i++)
                {
                    var pixel = line.Slice((x * scale + i) * 4, 4);
                    (pixel[0], pixel[1], pixel[2], pixel[3]) = (Level(image[red]), Level(image[green]), Level(image[blue]), 255);
                }
            }
            for (var i = 1; i < scale; i++)
                line.CopyTo(pixels[((top + y * scale + i) * sheet.RowBytes + left * 4)..]);
        }
    }

    private static byte Level(float value) => (byte)(Math.Clamp(value, 0f, 1f) * 255f + 0.5f);

    // Text shrinks until the longest fits; below 7 pixels nobody could read it.
    private static float FittingSize(SKPaint paint, string? longest, long available) => string.IsNullOrEmpty(longest)
        ? paint.TextSize
        : Math.Clamp(paint.TextSize * available / (paint.MeasureText(longest) + 1), SmallestText, paint.TextSize);
}
