using Microsoft.AspNetCore.Http;
using Microsoft.ML.Generative.AspNetCore.Http;
using Microsoft.ML.Generative.Data.Columns;
using SkiaSharp;

namespace Microsoft.ML.Generative.AspNetCore.Models;

/// <summary>An image that a caller sends.</summary>
internal sealed class EditedImage : IDisposable
{
    // Luma of ITU-R BT.601.
    private const float Red = 0.299f, Green = 0.587f, Blue = 0.114f;

    private readonly SKBitmap _bitmap;

    private EditedImage(SKBitmap bitmap) => _bitmap = bitmap;

    /// <summary>Whether no pixel is entirely transparent.</summary>
    public bool IsOpaque => !Transparency().Contains(1);

    /// <summary>Decodes a file, which has to have the size of the model's images; otherwise nothing is decoded.</summary>
    /// <exception cref="OpenAIException">It is no image, damaged, or of another size.</exception>
    public static EditedImage Read(IFormFile file, string name, ImageShape shape)
    {
        using Stream stream = file.OpenReadStream();
        using var data = SKData.Create(stream);
        using SKCodec? codec = data is null ? null : SKCodec.Create(data);
        if (codec is null)
            throw new OpenAIException(400, $"The file '{name}' is no image of a known format, such as PNG.", name, "invalid_image");
        if ((codec.Info.Width, codec.Info.Height) != (shape.Width, shape.Height))
        {
            throw new OpenAIException(
                400, $"The file '{name}' has {codec.Info.Width}x{codec.Info.Height} pixels; the images of the model have "
                + $"{shape.Width}x{shape.Height}.", name, "invalid_image");
        }

        var info = new SKImageInfo(shape.Width, shape.Height, SKColorType.Rgba8888, SKAlphaType.Unpremul);
        var bitmap = new SKBitmap(info);
        if (codec.GetPixels(info, bitmap.GetPixels()) == SKCodecResult.Success)
            return new EditedImage(bitmap);
        bitmap.Dispose();
        throw new OpenAIException(400, $"The file '{name}' is damaged.", name, "invalid_image");
    }

    /// <summary>The values in 0..1, plane by plane: gray, red and green, red, green and blue, or these with opacity.</summary>
    public float[] Planes(ImageShape shape)
    {
        ReadOnlySpan<byte> pixels = _bitmap.GetPixelSpan();
        int size = shape.Width * shape.Height;
        float[] planes = new float[shape.Size];
        for (int i = 0; i < size; i++)
        {
            ReadOnlySpan<byte> pixel = pixels.Slice(4 * i, 4);
            for (int channel = 0; channel < shape.Channels; channel++)
            {
                planes[channel * size + i] = (shape.Channels == 1
                    ? Red * pixel[0] + Green * pixel[1] + Blue * pixel[2]
                    : pixel[channel]) / byte.MaxValue;
            }
        }

        return planes;
    }

    /// <summary>1 where a pixel is entirely transparent, else 0: height × width values.</summary>
    public float[] Transparency()
    {
        ReadOnlySpan<byte> pixels = _bitmap.GetPixelSpan();
        float[] mask = new float[pixels.Length / 4];
        for (int i = 0; i < mask.Length; i++)
            mask[i] = pixels[4 * i + 3] == 0 ? 1 : 0;
        return mask;
    }

    public void Dispose() => _bitmap.Dispose();
}
