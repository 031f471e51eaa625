using System.Runtime.InteropServices;

namespace Microsoft.ML.Generative.Common;

/// <summary>Noise that is a function of a row's content.</summary>
internal static class RowNoise
{
    public static ulong Hash(ReadOnlySpan<byte> content, ulong seed)
    {
        ulong hash = SeedSequence.Mix(seed + 0x9e3779b97f4a7c15 + (ulong)content.Length);
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(content);
        foreach (ulong word in words)
            hash = SeedSequence.Mix(hash ^ word);
        foreach (byte b in content[(words.Length * sizeof(ulong))..])
            hash = SeedSequence.Mix(hash ^ b);
        return hash;
    }

    /// <summary>Standard normal values (Box, Muller 1958).</summary>
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

    /// <summary>Standard normal values, those further from 0 than a bound drawn again.</summary>
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
