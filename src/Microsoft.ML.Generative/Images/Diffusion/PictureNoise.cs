using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative;

/// <summary>
/// Standard normal noise that belongs to each picture: drawn on the CPU from the picture's own key, so that a picture is the same whatever it is drawn with and
/// on whatever device.
/// </summary>
/// <param name="keys">One a picture.</param>
/// <param name="shape">The pictures.</param>
/// <param name="device">Where the noise is wanted.</param>
internal sealed class PictureNoise(IReadOnlyList<long> keys, ImageShape shape, Device device)
{
    private long _draws;

    /// <summary>The next noise of each picture, [pictures, channels, height, width].</summary>
    public Tensor Next()
    {
        Tensor noise = empty([keys.Count, shape.Channels, shape.Height, shape.Width], dtype: ScalarType.Float32);
        Span<float> values = MemoryMarshal.Cast<byte, float>(noise.bytes);
        for (int i = 0; i < keys.Count; i++)
            RowNoise.Fill(values.Slice(i * shape.Size, shape.Size), new RowRandom(keys[i], _draws));
        _draws++;
        return noise.to(device);
    }
}
