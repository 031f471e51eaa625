using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Transforms.Image;
using SkiaSharp;

namespace Microsoft.ML.Generative.Data.Datasets;

/// <summary>
/// Reads image files as planes of bytes of one size: upright as their EXIF orientation says, transparent parts on black.
/// May be used from several threads.
/// </summary>
/// <param name="shape">The shape wanted: 1 channel for gray (ITU-R BT.601 luma), 3 for red, green and blue.</param>
/// <param name="resizing">What is done where width and height are in another proportion.</param>
/// <param name="warn">Is told of the first image that is turned upright.</param>
internal sealed class ImageReader(ImageShape shape, ImageResizingEstimator.ResizingKind resizing, Action<string>? warn = null)
{
    // A gigabyte of decoded pixels, and the longest side of a JPEG: a file of a few bytes may claim any size.
    private const long MostPixels = 1 << 28;
    private const int LongestSide = 65_535;

    private int _hasWarned;

    public ImageShape Shape => shape;

    /// <exception cref="InvalidDataException">The file is no image, or damaged; the message names it.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public void Read(string path, Span<byte> planes)
    {
        using var data = SKData.CreateCopy(RegularFile.LengthOf(path) == 0 ? [] : File.ReadAllBytes(path));
        using var codec = SKCodec.Create(data)
            ?? throw Bad(path, "it is not an image of a format known (BMP, GIF, ICO, JPEG, PNG, WBMP, WebP), or its beginning is damaged");
        var (width, height) = (codec.Info.Width, codec.Info.Height);
        if (width < 1 || height < 1 || Math.Max(width, height) > LongestSide || (long)width * height > MostPixels)
        {
            throw Bad(
                path,
                $"it claims to have {width:N0}×{height:N0} pixels; read are at most {LongestSide:N0} a side and {MostPixels:N0} in all");
        }

        using SKBitmap bitmap = new();
        SKImageInfo info = new(width, height, SKColorType.Rgba8888, SKAlphaType.Premul);
        if (!bitmap.TryAllocPixels(info))
            throw new InsufficientMemoryException($"There is no memory for the {width:N0}×{height:N0} pixels of '{path}'.");
        // Not SKBitmap.Decode, which takes what it gets of a file that is cut off, and leaves the rest black.
        switch (codec.GetPixels(info, bitmap.GetPixels()))
        {
            case SKCodecResult.Success:
                break;
            case SKCodecResult.IncompleteInput:
                throw Bad(path, "it is cut off");
            case var result:
                throw Bad(path, $"it is damaged ({result})");
        }
        WarnIfTurned(path, codec.EncodedOrigin);
        Fit(PixelGrid.Of(bitmap.GetPixelSpan(), width, height, bitmap.RowBytes, codec.EncodedOrigin), planes);
    }

    private void WarnIfTurned(string path, SKEncodedOrigin origin)
    {
        if (origin == SKEncodedOrigin.TopLeft || warn is null || Interlocked.Exchange(ref _hasWarned, 1) == 1)
            return;
        warn(
            $"'{path}', and perhaps others, is turned upright as its EXIF orientation says ({origin}). ML.NET's LoadImages does not do "
            + "that: "
            + "images that a model gets from there would lie otherwise than those that it learned from here.");
    }

    private void Fit(PixelGrid pixels, Span<byte> planes)
    {
        var (width, height) = (shape.Width, shape.Height);
        var isWider = (long)pixels.Width * height > (long)pixels.Height * width;
        switch (resizing)
        {
            case ImageResizingEstimator.ResizingKind.IsoCrop when isWider:
                pixels = pixels.Center(Part(pixels.Height, width, height, pixels.Width), pixels.Height);
                break;
            case ImageResizingEstimator.ResizingKind.IsoCrop:
                pixels = pixels.Center(pixels.Width, Part(pixels.Width, height, width, pixels.Height));
                break;
            case ImageResizingEstimator.ResizingKind.IsoPad when isWider:
                height = Part(width, pixels.Height, pixels.Width, height);
                break;
            case ImageResizingEstimator.ResizingKind.IsoPad:
                width = Part(height, pixels.Width, pixels.Height, width);
                break;
        }

        planes.Clear();
        ImageResampler.Resample(
            pixels, width, height, planes[((shape.Height - height) / 2 * shape.Width + (shape.Width - width) / 2)..], shape);
    }

    // length · numerator / denominator, rounded, and at least a pixel.
    private static int Part(int length, int numerator, int denominator, int most) =>
        (int)Math.Clamp(((long)length * numerator * 2 + denominator) / (2L * denominator), 1, most);

    private static InvalidDataException Bad(string path, string reason) => new($"The image '{path}' cannot be used: {reason}.");
}
