using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Microsoft.ML.Generative.Common;

/// <summary>Computes noise from a row's content.</summary>
internal static class RowNoise
{
    public static ulong Hash(ReadOnlySpan<byte> content, ulong seed)
    {
        ulong hash = new SplitMix64(seed + (ulong)content.Length).Next();
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(content);
        foreach (ulong word in words)
            hash = SplitMix64.Mix(hash ^ word);
        foreach (byte b in content[(words.Length * sizeof(ulong))..])
            hash = SplitMix64.Mix(hash ^ b);
        return hash;
    }

    /// <summary>Fills with standard normal values (Box, Muller 1958).</summary>
    public static void Fill(Span<float> values, RowRandom random)
    {
        for (int i = 0; i < values.Length; i += 2)
        {
            double radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            (double sin, double cos) = Math.SinCos(2 * Math.PI * random.NextDouble());
            values[i] = (float)(radius * cos);
            if (i + 1 < values.Length)
                values[i + 1] = (float)(radius * sin);
        }
    }

    /// <summary>Samples vectors from N(0, temperature²), [count · size]. The n-th depends on the seed and n alone.</summary>
    public static float[] Vectors(long seed, int count, int size, double temperature)
    {
        float[] values = new float[count * size];
        for (int i = 0; i < count; i++)
            Fill(values.AsSpan(i * size, size), new RowRandom(seed, i));
        TensorPrimitives.Multiply(values, (float)temperature, values);
        return values;
    }

    /// <summary>Fills with standard normal values; those further from 0 than a bound are rejected and sampled again.</summary>
    public static void FillWithin(Span<float> values, RowRandom random, double bound)
    {
        for (int i = 0; i < values.Length;)
        {
            double radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            (double sin, double cos) = Math.SinCos(2 * Math.PI * random.NextDouble());
            if (Math.Abs(radius * cos) <= bound)
                values[i++] = (float)(radius * cos);
            if (i < values.Length && Math.Abs(radius * sin) <= bound)
                values[i++] = (float)(radius * sin);
        }
    }
}
