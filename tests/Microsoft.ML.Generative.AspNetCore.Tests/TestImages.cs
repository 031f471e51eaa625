using SkiaSharp;

namespace Microsoft.ML.Generative.AspNetCore.Tests;

/// <summary>Gray images as files.</summary>
internal static class TestImages
{
    public static byte[] Png(Func<int, int, byte> gray, Func<int, int, byte>? opacity = null, int size = 8)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(size, size, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        for (int y = 0; y < size; y++)
        {
            for (int x = 0; x < size; x++)
            {
                byte value = gray(x, y);
                bitmap.SetPixel(x, y, new SKColor(value, value, value, opacity?.Invoke(x, y) ?? byte.MaxValue));
            }
        }

        using SKData png = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return png.ToArray();
    }

    public static byte[] Gray(byte[] png)
    {
        using SKBitmap bitmap = SKBitmap.Decode(png);
        return [.. Enumerable.Range(0, bitmap.Width * bitmap.Height).Select(i => bitmap.GetPixel(i % bitmap.Width, i / bitmap.Width).Red)];
    }
}
