using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Runtime.Kernels;

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

    /// <summary>
    /// Hashes rows of one size, each with its key in place of the seed. A hash is a chain of steps that wait for each other: those of four
    /// rows go side by side.
    /// </summary>
    /// <param name="rows">The contents, one after the other.</param>
    /// <param name="keys">The keys, which the hashes replace.</param>
    public static unsafe void Hash(ReadOnlySpan<byte> rows, Span<ulong> keys)
    {
        if (keys.Length == 0)
            return;
        fixed (byte* content = rows)
        fixed (ulong* key = keys)
        {
            var work = new HashWork { Content = content, Keys = key, Size = rows.Length / keys.Length };
            ThreadTeam.Run(keys.Length, work.Size, &work, &Hash);
        }
    }

    // Here the elements are rows.
    private static unsafe void Hash(void* state, long start, long end)
    {
        HashWork work = *(HashWork*)state;
        long first = start * work.Size, length = (end - start) * work.Size;
        HashRows(new ReadOnlySpan<byte>(work.Content + first, (int)length), new Span<ulong>(work.Keys + start, (int)(end - start)));
    }

    private static void HashRows(ReadOnlySpan<byte> rows, Span<ulong> keys)
    {
        int size = rows.Length / keys.Length, row = 0;
        for (; size % sizeof(ulong) == 0 && row + 4 <= keys.Length; row += 4)
        {
            ReadOnlySpan<ulong> a = Words(rows, row), b = Words(rows, row + 1), c = Words(rows, row + 2), d = Words(rows, row + 3);
            (ulong w, ulong x, ulong y, ulong z) = (First(keys[row]), First(keys[row + 1]), First(keys[row + 2]), First(keys[row + 3]));
            for (int i = 0; i < a.Length; i++)
            {
                w = SplitMix64.Mix(w ^ a[i]);
                x = SplitMix64.Mix(x ^ b[i]);
                y = SplitMix64.Mix(y ^ c[i]);
                z = SplitMix64.Mix(z ^ d[i]);
            }

            (keys[row], keys[row + 1], keys[row + 2], keys[row + 3]) = (w, x, y, z);
        }

        for (; row < keys.Length; row++)
            keys[row] = Hash(rows.Slice(row * size, size), keys[row]);

        ReadOnlySpan<ulong> Words(ReadOnlySpan<byte> all, int number) => MemoryMarshal.Cast<byte, ulong>(all.Slice(number * size, size));

        ulong First(ulong seed) => new SplitMix64(seed + (ulong)size).Next();
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

    private unsafe struct HashWork
    {
        public byte* Content;
        public ulong* Keys;
        public int Size;
    }
}
