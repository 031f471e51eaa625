using SkiaSharp;

namespace Microsoft.ML.Generative.Data.Datasets;

/// <summary>
/// Pixels of four bytes (red, green, blue, alpha) as they are to be seen: the pixel in column x and row y begins at Start + x·StepX +
/// y·StepY.
/// </summary>
internal readonly ref struct PixelGrid
{
    public required ReadOnlySpan<byte> Bytes { get; init; }

    public required int Start { get; init; }

    public required int StepX { get; init; }

    public required int StepY { get; init; }

    public required int Width { get; init; }

    public required int Height { get; init; }

    /// <summary>
    /// Stored pixels, turned and mirrored as EXIF's orientation asks for (JEITA CP-3451, tag 0x0112), without being moved.
    /// </summary>
    public static PixelGrid Of(ReadOnlySpan<byte> bytes, int width, int height, int rowBytes, SKEncodedOrigin origin)
    {
        const int Pixel = 4;
        var (right, bottom) = ((width - 1) * Pixel, (height - 1) * rowBytes);
        // The names say where the first stored row and column are seen.
        var (start, stepX, stepY, isTurned) = origin switch
        {
            SKEncodedOrigin.TopRight => (right, -Pixel, rowBytes, false),
            SKEncodedOrigin.BottomRight => (bottom + right, -Pixel, -rowBytes, false),
            SKEncodedOrigin.BottomLeft => (bottom, Pixel, -rowBytes, false),
            SKEncodedOrigin.LeftTop => (0, rowBytes, Pixel, true),
            SKEncodedOrigin.RightTop => (bottom, -rowBytes, Pixel, true),
            SKEncodedOrigin.RightBottom => (bottom + right, -rowBytes, -Pixel, true),
            SKEncodedOrigin.LeftBottom => (right, rowBytes, -Pixel, true),
            _ => (0, Pixel, rowBytes, false),
        };
        return new PixelGrid
        {
            Bytes = bytes,
            Start = start,
            StepX = stepX,
            StepY = stepY,
            Width = isTurned ? height : width,
            Height = isTurned ? width : height,
        };
    }

    /// <summary>The part of a size in the middle.</summary>
    public PixelGrid Center(int width, int height) => this with
    {
        Start = Start + (Width - width) / 2 * StepX + (Height - height) / 2 * StepY,
        Width = width,
        Height = height,
    };
}
