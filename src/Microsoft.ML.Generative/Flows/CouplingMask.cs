using System.Numerics;
using Microsoft.ML.Generative.Data.Columns;

namespace Microsoft.ML.Generative.Flows;

/// <summary>
/// Which values a coupling layer changes; it conditions them on the others. Couplings come in pairs that change the two halves of the
/// values, and each pair divides them in another way. With enough pairs every value of a vector is conditioned on every other, and every
/// pixel on the cells around it.
/// </summary>
internal static class CouplingMask
{
    private const int MaxScale = 2;

    /// <summary>One per value: 1 where the coupling changes it, else 0.</summary>
    public static float[] Of(RowShape row, int coupling)
    {
        int pair = coupling / 2;
        Func<int, int> half = row.Image is { } image ? Checkerboard(image, pair) : Bit(row.Size, pair);
        return [.. Enumerable.Range(0, row.Size).Select(i => (half(i) + coupling) % 2 == 1 ? 1f : 0f)];
    }

    /// <summary>
    /// How often an image is halved to the cells of a coupling's checkerboard: in turns not at all, once and twice, where its size allows.
    /// </summary>
    public static int ScaleOf(ImageShape image, int coupling)
    {
        // The greatest power of 2 in both.
        int halvings = Math.Min(MaxScale, BitOperations.TrailingZeroCount(image.Height | image.Width));
        return coupling / 2 % (halvings + 1);
    }

    // Any two values differ in a bit of their positions.
    private static Func<int, int> Bit(int size, int pair)
    {
        int bits = Math.Max(1, BitOperations.Log2((uint)size - 1) + (size > 1 ? 1 : 0));
        return i => i >> pair % bits & 1;
    }

    // Of cells, and of the channels: red and green, or red and blue, of a pixel are in different halves.
    private static Func<int, int> Checkerboard(ImageShape image, int pair)
    {
        int scale = ScaleOf(image, 2 * pair);
        return i =>
        {
            (int channel, int row, int column) = (i / (image.Height * image.Width), i / image.Width % image.Height, i % image.Width);
            return (row >> scale) + (column >> scale) + (channel >> pair % 2) & 1;
        };
    }
}
