using Microsoft.ML.Generative.Data.Columns;

namespace Microsoft.ML.Generative.Images.Gan.Networks;

/// <summary>How often images are halved, and what is left of them, in the networks with convolutions.</summary>
/// <param name="Levels">Halvings.</param>
/// <param name="Height">Height of the smallest feature maps.</param>
/// <param name="Width">Width of the smallest feature maps.</param>
internal readonly record struct HalvedMaps(int Levels, int Height, int Width)
{
    private const int SmallestMap = 4;
    private const int Smallest = 16;
    private const int Largest = 256;
    private const int MostDoublings = 3;

    /// <exception cref="ArgumentException">Images of this size cannot be halved to maps of 4 to 7 pixels.</exception>
    public static HalvedMaps Of(ImageShape shape, GanNetworkKind architecture)
    {
        int side = Math.Min(shape.Height, shape.Width);
        if (side < Smallest || Math.Max(shape.Height, shape.Width) > Largest)
        {
            throw new ArgumentException(
                $"{nameof(GanNetworkKind)}.{architecture} generates images of {Smallest} to {Largest} pixels per side; found "
                + $"{shape.Width}×{shape.Height}.");
        }

        int levels = (int)Math.Log2((double)side / SmallestMap);
        int unit = 1 << levels;
        if (shape.Height % unit != 0 || shape.Width % unit != 0)
        {
            throw new ArgumentException(
                $"Images of {shape.Width}×{shape.Height} pixels cannot be halved {levels} times: resize them to multiples of {unit}, such "
                + $"as {(shape.Width + unit - 1) / unit * unit}×{(shape.Height + unit - 1) / unit * unit}.");
        }

        return new HalvedMaps(levels, shape.Height / unit, shape.Width / unit);
    }

    /// <summary>Channels of the n-th maps from the image, from 1.</summary>
    public static int Channels(int baseChannels, int number) => checked(baseChannels << Math.Min(number - 1, MostDoublings));
}
