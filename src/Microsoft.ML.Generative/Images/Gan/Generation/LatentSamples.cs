using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Common;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Gan.Generation;

/// <summary>Samples of z that belong to a key each, whatever they are sampled with.</summary>
internal static class LatentSamples
{
    /// <summary>Standard normal values [keys, size] on the CPU; with a bound, those further from 0 are sampled again.</summary>
    public static Tensor Of(IReadOnlyList<long> keys, int size, double? bound)
    {
        Tensor z = empty([keys.Count, size], dtype: ScalarType.Float32);
        Span<float> values = MemoryMarshal.Cast<byte, float>(z.bytes);
        for (int i = 0; i < keys.Count; i++)
        {
            Span<float> own = values.Slice(i * size, size);
            var random = new RowRandom(keys[i], 0);
            if (bound is { } furthest)
                RowNoise.FillWithin(own, random, furthest);
            else
                RowNoise.Fill(own, random);
        }

        return z;
    }
}
