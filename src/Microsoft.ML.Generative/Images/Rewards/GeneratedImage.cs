namespace Microsoft.ML.Generative;

/// <summary>An image as a reward sees it.</summary>
/// <example>
/// <code>
/// // Prefers images with a bright left half.
/// ImageReward reward = ImageReward.FromFunction(image =>
/// {
///     double sum = 0;
///     for (int y = 0; y &lt; image.Height; y++)
///     {
///         for (int x = 0; x &lt; image.Width / 2; x++)
///             sum += image[0, y, x];
///     }
///
///     return sum / (image.Height * (image.Width / 2));
/// });
/// </code>
/// </example>
public sealed class GeneratedImage
{
    internal GeneratedImage(ReadOnlyMemory<float> values, int channels, int height, int width, string? className) =>
        (Values, Channels, Height, Width, ClassName) = (values, channels, height, width, className);

    /// <summary>The pixels, plane by plane and row by row: channels × height × width values in 0..1.</summary>
    public ReadOnlyMemory<float> Values { get; }

    /// <summary>Channels: 1 is gray, 3 are red, green and blue.</summary>
    public int Channels { get; }

    /// <summary>Height in pixels.</summary>
    public int Height { get; }

    /// <summary>Width in pixels.</summary>
    public int Width { get; }

    /// <summary>The class that the image was generated for, if the model has classes.</summary>
    public string? ClassName { get; }

    /// <summary>The value of a pixel in one channel, 0 to 1.</summary>
    /// <param name="channel">The channel, from 0.</param>
    /// <param name="y">The row, from 0 at the top.</param>
    /// <param name="x">The column, from 0 at the left.</param>
    /// <exception cref="ArgumentOutOfRangeException">The image has no such pixel.</exception>
    public float this[int channel, int y, int x]
    {
        get
        {
            Check(channel, Channels, nameof(channel));
            Check(y, Height, nameof(y));
            Check(x, Width, nameof(x));
            return Values.Span[(channel * Height + y) * Width + x];
        }
    }

    private static void Check(int index, int count, string name)
    {
        if (index < 0 || index >= count)
            throw new ArgumentOutOfRangeException(name, index, $"{name} is {index}; expected 0 to {count - 1}.");
    }
}
