using Microsoft.ML.Data;
using SkiaSharp;

namespace Microsoft.ML.Generative.Data.Images;

/// <summary>Images side by side.</summary>
internal static class ImageGrid
{
    private const int Gap = 1;

    // A gigabyte of pixels.
    private const long MostPixels = 1 << 28;

    /// <summary>Lays images of one size out row by row on white, and encodes them as PNG.</summary>
    /// <returns>The grid's width and height in pixels, and the file's bytes.</returns>
    /// <exception cref="ArgumentException">
    /// There are no images, they have different sizes, or the grid is too large for an image.
    /// </exception>
    public static (int Width, int Height, byte[] Png) ToPng(IReadOnlyList<MLImage> images, int columns)
    {
        if (images.Count == 0)
            throw new ArgumentException("The data is empty: no image to save.");
        (int width, int height) = (images[0].Width, images[0].Height);
        columns = Math.Min(columns, images.Count);
        int rows = (images.Count + columns - 1) / columns;
        (long sheetWidth, long sheetHeight) = ((long)columns * (width + Gap) - Gap, (long)rows * (height + Gap) - Gap);
        if (sheetWidth * sheetHeight > MostPixels)
        {
            throw new ArgumentException(
                $"A grid of {columns:N0}×{rows:N0} images has {sheetWidth:N0}×{sheetHeight:N0} pixels; expected at most {MostPixels:N0} in "
                + "all.");
        }

        byte[] sheet = new byte[4 * sheetWidth * sheetHeight];
        Array.Fill(sheet, byte.MaxValue);
        for (int i = 0; i < images.Count; i++)
        {
            MLImage image = images[i];
            if ((image.Width, image.Height) != (width, height))
            {
                throw new ArgumentException(
                    $"Image {i} has {image.Width}×{image.Height} pixels, and image 0 {width}×{height}; expected images of one size. Resize "
                    + "them with ResizeImages.");
            }

            long place = i / columns * (height + Gap) * sheetWidth + i % columns * (width + Gap);
            for (int y = 0; y < height; y++)
                Row(image, y).CopyTo(sheet.AsSpan((int)(4 * (place + y * sheetWidth))));
        }

        return ((int)sheetWidth, (int)sheetHeight, Encode(sheet, (int)sheetWidth, (int)sheetHeight));
    }

    /// <summary>Encodes one image as PNG.</summary>
    public static byte[] ToPng(MLImage image) => ToPng([image], columns: 1).Png;

    private static byte[] Row(MLImage image, int y)
    {
        byte[] row = image.Pixels.Slice(4 * y * image.Width, 4 * image.Width).ToArray();
        if (image.PixelFormat == MLPixelFormat.Bgra32)
        {
            for (int i = 0; i < row.Length; i += 4)
                (row[i], row[i + 2]) = (row[i + 2], row[i]);
        }

        return row;
    }

    private static byte[] Encode(byte[] pixels, int width, int height)
    {
        bool isOpaque = true, isGray = true;
        for (int i = 0; i < pixels.Length; i += 4)
        {
            isOpaque &= pixels[i + 3] == byte.MaxValue;
            isGray &= pixels[i] == pixels[i + 1] && pixels[i] == pixels[i + 2];
        }

        // A file says no more than the pixels do.
        isGray &= isOpaque;
        if (isGray)
            pixels = [.. pixels.Where((_, i) => i % 4 == 0)];
        var info = new SKImageInfo(
            width, height, isGray ? SKColorType.Gray8 : SKColorType.Rgba8888, isOpaque ? SKAlphaType.Opaque : SKAlphaType.Unpremul);
        using SKImage image = SKImage.FromPixelCopy(info, pixels);
        using SKData png = image.Encode(SKEncodedImageFormat.Png, 100);
        return png.ToArray();
    }
}
