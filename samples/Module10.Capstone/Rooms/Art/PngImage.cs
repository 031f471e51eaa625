using Module10.Http;
using SkiaSharp;

namespace Module10.Rooms.Art;

/// <summary>Images as the URLs of their data, to and from the page.</summary>
internal static class PngImage
{
    private const string Prefix = "data:image/png;base64,";
    private const int Side = DrawnShapes.Side;
    private const int Plane = Side * Side;
    private const int MostCharacters = 400_000;
    private const int MostPixels = 1 << 20;

    /// <summary>An image of three planes in 0..1 as a PNG, each of its pixels enlarged to a square.</summary>
    public static string Write(float[] image, int size)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(Side, Side, SKColorType.Rgba8888, SKAlphaType.Opaque));
        using (SKPixmap pixels = bitmap.PeekPixels())
        {
            Span<byte> bytes = pixels.GetPixelSpan<byte>();
            for (int i = 0; i < Plane; i++)
            {
                for (int channel = 0; channel < 3; channel++)
                    bytes[4 * i + channel] = (byte)(Math.Clamp(image[channel * Plane + i], 0f, 1f) * 255f + 0.5f);
                bytes[4 * i + 3] = 255;
            }
        }

        using SKBitmap enlarged = size == Side ? bitmap : bitmap.Resize(new SKImageInfo(size, size), SKFilterQuality.None);
        using SKData data = enlarged.Encode(SKEncodedImageFormat.Png, 100);
        return Prefix + Convert.ToBase64String(data.AsSpan());
    }

    /// <summary>Reads an image of any size as three planes in 0..1 of the model's size.</summary>
    /// <exception cref="VisitorException">It is no image, or too large.</exception>
    public static float[] Read(string? url)
    {
        using SKBitmap bitmap = Decode(url);
        using SKBitmap scaled = bitmap.Resize(
            new SKImageInfo(Side, Side, SKColorType.Rgba8888, SKAlphaType.Opaque), SKFilterQuality.Medium);
        ReadOnlySpan<byte> bytes = scaled.GetPixelSpan();
        float[] image = new float[3 * Plane];
        for (int i = 0; i < Plane; i++)
        {
            for (int channel = 0; channel < 3; channel++)
                image[channel * Plane + i] = bytes[4 * i + channel] / 255f;
        }

        return image;
    }

    /// <summary>Reads a mask: 1 where the image is white, 0 elsewhere.</summary>
    /// <exception cref="VisitorException">It is no image, or nothing is white.</exception>
    public static float[] ReadMask(string? url)
    {
        float[] mask = [.. Read(url).Take(Plane).Select(value => value >= 0.5f ? 1f : 0f)];
        return mask.Contains(1f) ? mask : throw new VisitorException(400, "Nothing is marked: brush over the part to paint again.");
    }

    private static SKBitmap Decode(string? url)
    {
        if (url is null)
            throw new VisitorException(400, "There is no image: generate one, or choose a file.");
        if (url.Length > MostCharacters)
            throw new VisitorException(413, $"The image is too large; expected at most {MostCharacters} characters.");
        if (!url.StartsWith(Prefix, StringComparison.Ordinal))
            throw new VisitorException(400, "The image is not a PNG as the URL of its data.");
        byte[] bytes = new byte[url.Length];
        if (!Convert.TryFromBase64Chars(url.AsSpan(Prefix.Length), bytes, out int written))
            throw new VisitorException(400, "The image is not in base64.");
        using SKData data = SKData.CreateCopy(bytes.AsSpan(0, written));
        using SKCodec? codec = SKCodec.Create(data);
        // The size is known before memory is taken for it.
        if (codec is null || codec.EncodedFormat != SKEncodedImageFormat.Png)
            throw new VisitorException(400, "The image is not a PNG.");
        if ((long)codec.Info.Width * codec.Info.Height > MostPixels)
        {
            throw new VisitorException(
                413, $"The image has {codec.Info.Width}×{codec.Info.Height} pixels; expected at most {MostPixels}.");
        }

        return SKBitmap.Decode(codec) ?? throw new VisitorException(400, "The image is damaged.");
    }
}
