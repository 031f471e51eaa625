using System.Buffers.Binary;
using SkiaSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Image files made in the test: by Skia's encoders, or by hand from the formats' descriptions.</summary>
internal static class Images
{
    /// <summary>The bytes of a PNG, JPEG or WebP file whose pixels are a function of their column and row.</summary>
    public static byte[] Encode(
        int width, int height, Func<int, int, SKColor> color, SKEncodedImageFormat format = SKEncodedImageFormat.Png)
    {
        using SKBitmap bitmap = new(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
                bitmap.SetPixel(x, y, color(x, y));
        }
        using var data = bitmap.Encode(format, 100);
        return data.ToArray();
    }

    /// <summary>An image of one color in the top left quarter, others in the next, clockwise: red, green, blue, white.</summary>
    public static SKColor Quarters(int x, int y, int width, int height) => (x < width / 2, y < height / 2) switch
    {
        (true, true) => new SKColor(255, 0, 0),
        (false, true) => new SKColor(0, 255, 0),
        (false, false) => new SKColor(0, 0, 255),
        (true, false) => new SKColor(255, 255, 255),
    };

    /// <summary>A JPEG file with an EXIF segment that holds nothing but the orientation.</summary>
    public static byte[] WithOrientation(byte[] jpeg, byte orientation)
    {
        // APP1: marker, length, "Exif", TIFF header (big-endian, directory at 8), one entry: tag 0x0112, type 3 (SHORT), count 1, value.
        byte[] exif =
        [
            0xFF, 0xE1, 0, 34, .. "Exif\0\0"u8, .. "MM"u8, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0,
            0, 0, 0,
        ];
        return [.. jpeg[..2], .. exif, .. jpeg[2..]];
    }

    /// <summary>A BMP file of 24 bits a pixel: rows from the bottom up, blue first, each row filled to four bytes.</summary>
    public static byte[] Bmp(int width, int height, Func<int, int, SKColor> color)
    {
        var stride = (width * 3 + 3) / 4 * 4;
        var file = new byte[54 + stride * height];
        "BM"u8.CopyTo(file);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(2), file.Length);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(10), 54);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(14), 40);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(18), width);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(22), height);
        file[26] = 1;
        file[28] = 24;
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                var pixel = color(x, y);
                byte[] bytes = [pixel.Blue, pixel.Green, pixel.Red];
                bytes.CopyTo(file.AsSpan(54 + (height - 1 - y) * stride + 3 * x));
            }
        }
        return file;
    }

    /// <summary>A GIF file of 10×10 pixels with a table of four colors: quarters of red and blue around a white square.</summary>
    public static byte[] Gif() =>
    [
        .. "GIF89a"u8, 10, 0, 10, 0, 0x91, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0, 255, 0, 0, 0, 0x2C, 0, 0, 0, 0, 10, 0, 10, 0, 0, 2, 0x16,
        0x8C, 0x2D, 0x99, 0x87, 0x2A, 0x1C, 0xDC, 0x33, 0xA0, 0x02, 0x75, 0xEC, 0x95, 0xFA, 0xA8, 0xDE, 0x60, 0x8C, 0x04, 0x91, 0x4C, 0x01,
        0, 0x3B,
    ];

    /// <summary>The beginning of a PNG file that claims a size, up to where its pixels should begin.</summary>
    public static byte[] PngHeader(int width, int height)
    {
        byte[] chunk = [.. "IHDR"u8, .. BigEndian(width), .. BigEndian(height), 8, 2, 0, 0, 0];
        return [0x89, .. "PNG\r\n\u001a\n"u8, 0, 0, 0, 13, .. chunk, .. BigEndian((int)Crc32(chunk)), 0, 0, 0, 10, .. "IDAT"u8];
    }

    private static byte[] BigEndian(int value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }

    // PNG (W3C recommendation), annex D.
    private static uint Crc32(byte[] bytes)
    {
        var crc = uint.MaxValue;
        foreach (var b in bytes)
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc & 1) != 0 ? 0xEDB88320 ^ (crc >> 1) : crc >> 1;
        }
        return ~crc;
    }
}
