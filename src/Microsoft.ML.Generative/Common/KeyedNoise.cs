using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Common;

/// <summary>
/// Standard normal noise that belongs to each row: sampled on the CPU from the row's own key, so that a row has the same noise whatever
/// rows it is computed with and on whatever device.
/// </summary>
/// <param name="keys">One per row.</param>
/// <param name="rowShape">The shape of a row's noise.</param>
/// <param name="device">Where the noise is wanted.</param>
internal sealed class KeyedNoise(IReadOnlyList<long> keys, long[] rowShape, torch.Device device)
{
    private readonly int _size = checked((int)rowShape.Aggregate(1L, (product, size) => checked(product * size)));
    private long _samples;

    /// <summary>How far values may be from 0; those beyond are sampled again.</summary>
    public double? Bound { get; init; }

    /// <summary>The next noise of each row, [rows, ..row shape].</summary>
    public torch.Tensor Next()
    {
        torch.Tensor noise = torch.empty([keys.Count, .. rowShape], dtype: torch.ScalarType.Float32);
        Span<float> values = MemoryMarshal.Cast<byte, float>(noise.bytes);
        for (int row = 0; row < keys.Count; row++)
        {
            Span<float> own = values.Slice(row * _size, _size);
            var random = new RowRandom(keys[row], _samples);
            if (Bound is { } bound)
                RowNoise.FillWithin(own, random, bound);
            else
                RowNoise.Fill(own, random);
        }

        _samples++;
        return noise.OnDevice(device);
    }
}
