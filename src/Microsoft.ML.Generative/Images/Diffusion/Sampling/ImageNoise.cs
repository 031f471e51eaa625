using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Diffusion.Sampling;

/// <summary>
/// Standard normal noise that belongs to each image: sampled on the CPU from the image's own key, so that an image does not depend on the images generated with
/// it, nor on the device.
/// </summary>
/// <param name="keys">One per image.</param>
/// <param name="shape">The images.</param>
/// <param name="device">Where the noise is wanted.</param>
internal sealed class ImageNoise(IReadOnlyList<long> keys, ImageShape shape, Device device)
{
    private long _samples;

    /// <summary>The next noise of each image, [images, channels, height, width].</summary>
    public Tensor Next()
    {
        Tensor noise = empty([keys.Count, shape.Channels, shape.Height, shape.Width], dtype: ScalarType.Float32);
        Span<float> values = MemoryMarshal.Cast<byte, float>(noise.bytes);
        for (int i = 0; i < keys.Count; i++)
            RowNoise.Fill(values.Slice(i * shape.Size, shape.Size), new RowRandom(keys[i], _samples));
        _samples++;
        return noise.to(device);
    }
}
