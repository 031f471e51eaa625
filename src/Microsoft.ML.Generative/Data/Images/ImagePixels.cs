using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Columns;

namespace Microsoft.ML.Generative.Data.Images;

/// <summary>Turns planes of bytes into pixels of red, green, blue and opacity.</summary>
internal static class ImagePixels
{
    /// <summary>An image of ML.NET.</summary>
    public static MLImage ToImage(ReadOnlySpan<byte> planes, ImageShape shape) =>
        MLImage.CreateFromPixels(shape.Width, shape.Height, MLPixelFormat.Rgba32, Of(planes, shape));

    /// <summary>
    /// The pixels row by row: gray is red, green and blue alike; two channels are red and green; opaque unless there are four.
    /// </summary>
    public static byte[] Of(ReadOnlySpan<byte> planes, ImageShape shape)
    {
        int size = shape.Height * shape.Width;
        byte[] pixels = new byte[4 * size];
        for (int channel = 0; channel < 4; channel++)
        {
            int source = shape.Channels == 1 && channel < 3 ? 0 : channel;
            bool isThere = source < shape.Channels;
            byte missing = channel == 3 ? byte.MaxValue : (byte)0;
            ReadOnlySpan<byte> plane = isThere ? planes.Slice(source * size, size) : default;
            for (int i = 0; i < size; i++)
                pixels[4 * i + channel] = isThere ? plane[i] : missing;
        }

        return pixels;
    }

    /// <summary>Values in 0..1 as bytes; values beyond are cut off.</summary>
    public static byte ToByte(float value) => float.IsNaN(value) ? (byte)0 : (byte)MathF.Round(Math.Clamp(value, 0, 1) * byte.MaxValue);
}
