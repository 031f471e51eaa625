using Microsoft.ML;
using Microsoft.ML.Data;
using SkiaSharp;

namespace Samples.Shared;

/// <summary>Contact sheets: many small images in one PNG.</summary>
public static class ImageGrid
{
    private const int CaptionGap = 6;
    private const float LargestCaption = 14;
    private const float SmallestCaption = 7;
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
    /// <exception cref="ArgumentException">There is no image, or one has another length, a value that is not a number, or no place in a sheet of sensible size.</exception>
    public static void Save(
        string path, IEnumerable<float[]> images, int channels, int height, int width,
        int columns = 10, int padding = 2, int scale = 2,
        IReadOnlyList<string>? columnCaptions = null, IReadOnlyList<string>? rowCaptions = null)
    {
        ArgumentNullException.ThrowIfNull(images);
        if (channels is not (1 or 3))
            throw new ArgumentOutOfRangeException(nameof(channels), $"Images have 1 or 3 channels, not {channels}.");
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(columns);
        ArgumentOutOfRangeException.ThrowIfNegative(padding);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(scale);
        var pictures = images.ToArray();
        Check(pictures, channels * height * width, (channels, height, width));

        columns = Math.Min(columns, pictures.Length);
        var rows = (pictures.Length + columns - 1) / columns;
        var (cellWidth, cellHeight) = (width * scale, height * scale);
        using var paint = TextPaint.Create(LargestCaption, _captionColor);
        paint.TextSize = CaptionSize(paint, columnCaptions, cellWidth + padding);
        var left = rowCaptions is { Count: > 0 } ? (int)MathF.Ceiling(rowCaptions.Max(text => paint.MeasureText(text))) + 2 * CaptionGap : 0;
        var top = columnCaptions is { Count: > 0 } ? (int)MathF.Ceiling(paint.FontSpacing) + CaptionGap : 0;
        var sheetWidth = left + padding + (long)columns * (cellWidth + padding);
        var sheetHeight = top + padding + (long)rows * (cellHeight + padding);
        if (sheetWidth * sheetHeight > MaximumPixels)
            throw new ArgumentException($"A sheet of {sheetWidth}×{sheetHeight} pixels is too large; take fewer images or a smaller scale.", nameof(images));

        using var bitmap = new SKBitmap(new SKImageInfo((int)sheetWidth, (int)sheetHeight, SKColorType.Rgba8888, SKAlphaType.Opaque));
        bitmap.Erase(SKColors.White);
        using (var sheet = bitmap.PeekPixels())
        {
            foreach (var (index, image) in pictures.Index())
            {
                var x = left + padding + index % columns * (cellWidth + padding);
                var y = top + padding + index / columns * (cellHeight + padding);
                Draw(sheet, image, channels, height, width, x, y, scale);
            }
        }

        using (var canvas = new SKCanvas(bitmap))
        {
            for (var column = 0; column < Math.Min(columns, columnCaptions?.Count ?? 0); column++)
            {
                var text = columnCaptions![column];
                var centre = left + padding + column * (cellWidth + padding) + cellWidth / 2f;
                canvas.DrawText(text, centre - paint.MeasureText(text) / 2, CaptionGap / 2f - paint.FontMetrics.Ascent, paint);
            }
            for (var row = 0; row < Math.Min(rows, rowCaptions?.Count ?? 0); row++)
            {
                var text = rowCaptions![row];
                var centre = top + padding + row * (cellHeight + padding) + cellHeight / 2f;
                canvas.DrawText(text, left - CaptionGap - paint.MeasureText(text), centre - (paint.FontMetrics.Ascent + paint.FontMetrics.Descent) / 2, paint);
            }
        }
        AtomicFile.Write(path, stream => bitmap.Encode(stream, SKEncodedImageFormat.Png, 100));
    }

    /// <summary>Writes images that lie one after the other in one block, as a batch of N×C×H×W values does.</summary>
    /// <inheritdoc cref="Save(string, IEnumerable{float[]}, int, int, int, int, int, int, IReadOnlyList{string}?, IReadOnlyList{string}?)"/>
    public static void Save(
        string path, ReadOnlySpan<float> images, int channels, int height, int width,
        int columns = 10, int padding = 2, int scale = 2,
        IReadOnlyList<string>? columnCaptions = null, IReadOnlyList<string>? rowCaptions = null)
    {
        var size = channels * height * width;
        if (size <= 0 || images.Length % size != 0)
            throw new ArgumentException($"{images.Length} values are not a whole number of images of {channels}×{height}×{width}.", nameof(images));
        var pictures = new float[images.Length / size][];
        for (var i = 0; i < pictures.Length; i++)
            pictures[i] = images.Slice(i * size, size).ToArray();
        Save(path, pictures, channels, height, width, columns, padding, scale, columnCaptions, rowCaptions);
    }

    /// <summary>Reads the first images of a column of type vector of <see cref="float"/>.</summary>
    /// <param name="data">The rows.</param>
    /// <param name="column">The column's name.</param>
    /// <param name="channels">Channels of each image.</param>
    /// <param name="height">Height of each image in pixels.</param>
    /// <param name="width">Width of each image in pixels.</param>
    /// <param name="count">How many to read at most.</param>
    /// <exception cref="ArgumentException">The column is missing or has another type or size.</exception>
    public static float[][] FromColumn(IDataView data, string column, int channels, int height, int width, int count)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        var found = data.Schema.GetColumnOrNull(column)
            ?? throw new ArgumentException($"There is no column '{column}'; the columns are {string.Join(", ", data.Schema.Select(c => c.Name))}.", nameof(column));
        var size = channels * height * width;
        if (found.Type is not VectorDataViewType { ItemType: NumberDataViewType } vector || vector.ItemType != NumberDataViewType.Single || (vector.IsKnownSize && vector.Size != size))
            throw new ArgumentException($"The column '{column}' is of type {found.Type}; expected a vector of {size} Single ({channels}×{height}×{width}).", nameof(column));

        var images = new List<float[]>();
        using var cursor = data.GetRowCursor([found]);
        var getter = cursor.GetGetter<VBuffer<float>>(found);
        VBuffer<float> value = default;
        while (images.Count < count && cursor.MoveNext())
        {
            getter(ref value);
            images.Add([.. value.DenseValues()]);
        }
        return [.. images];
    }

    private static void Check(float[][] images, int size, (int C, int H, int W) shape)
    {
        if (images.Length == 0)
            throw new ArgumentException("There is no image to draw.", nameof(images));
        foreach (var (index, image) in images.Index())
        {
            if (image.Length != size)
                throw new ArgumentException($"Image {index} has {image.Length} values; {shape.C}×{shape.H}×{shape.W} needs {size}.", nameof(images));
            if (image.Any(float.IsNaN))
                throw new ArgumentException($"Image {index} holds a value that is not a number.", nameof(images));
        }
    }

    private static void Draw(SKPixmap sheet, float[] image, int channels, int height, int width, int left, int top, int scale)
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

    // Captions shrink until the longest fits its column; below 7 pixels nobody could read them.
    private static float CaptionSize(SKPaint paint, IReadOnlyList<string>? captions, int available) => captions is { Count: > 0 }
        ? Math.Clamp(paint.TextSize * available / captions.Max(text => paint.MeasureText(text) + 1), SmallestCaption, paint.TextSize)
        : paint.TextSize;
}
