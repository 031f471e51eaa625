using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// Brings the pixels of 16 channels, each of which is by itself in memory, into an order in which a pixel's channels are neighbors, and
/// back. A cache line is read or written once, because those of different channels often belong to the same set of the cache.
/// </summary>
internal static unsafe class ChannelBlocks
{
    private const int Lanes = MatrixKernel.Lanes;

    /// <summary>Reads pixels of up to 16 channels; those that there are not are 0.</summary>
    /// <param name="first">The first pixel of the first channel.</param>
    /// <param name="distance">Floats between channels.</param>
    /// <param name="channels">The channels that there are.</param>
    /// <param name="count">The pixels to read.</param>
    /// <param name="pixels">[count, 16].</param>
    public static void Read(float* first, nint distance, int channels, int count, float* pixels)
    {
        int i = 0;
        if (channels == Lanes)
        {
            for (; i + Lanes <= count; i += Lanes)
                Transpose(first + i, distance, pixels + i * Lanes, Lanes);
            for (; i + 8 <= count; i += 8)
                ReadEight(first + i, distance, pixels + i * Lanes);
        }

        for (; i < count; i++)
        {
            float* pixel = pixels + i * Lanes;
            for (int channel = 0; channel < Lanes; channel++)
                pixel[channel] = channel < channels ? first[channel * distance + i] : 0;
        }
    }

    /// <summary>Writes pixels of up to 16 channels.</summary>
    /// <inheritdoc cref="Read"/>
    public static void Write(float* pixels, int count, float* first, nint distance, int channels)
    {
        int i = 0;
        if (channels == Lanes)
        {
            for (; i + Lanes <= count; i += Lanes)
                Transpose(pixels + i * Lanes, Lanes, first + i, distance);
            for (; i + 4 <= count; i += 4)
                WriteFour(pixels + i * Lanes, first + i, distance);
        }

        for (; i < count; i++)
        {
            float* pixel = pixels + i * Lanes;
            for (int channel = 0; channel < channels; channel++)
                first[channel * distance + i] = pixel[channel];
        }
    }

    // 16 rows of 16 floats.
    private static void Transpose(float* from, nint fromRow, float* to, nint toRow)
    {
        nint four = 4 * fromRow;
        Four(from, fromRow, out Vector512<float> a0, out Vector512<float> a1, out Vector512<float> a2, out Vector512<float> a3);
        Four(from + four, fromRow, out Vector512<float> b0, out Vector512<float> b1, out Vector512<float> b2, out Vector512<float> b3);
        Four(from + 2 * four, fromRow, out Vector512<float> c0, out Vector512<float> c1, out Vector512<float> c2, out Vector512<float> c3);
        Four(from + 3 * four, fromRow, out Vector512<float> d0, out Vector512<float> d1, out Vector512<float> d2, out Vector512<float> d3);
        Columns(a0, b0, c0, d0, to, 4 * toRow);
        Columns(a1, b1, c1, d1, to + toRow, 4 * toRow);
        Columns(a2, b2, c2, d2, to + 2 * toRow, 4 * toRow);
        Columns(a3, b3, c3, d3, to + 3 * toRow, 4 * toRow);
    }

    // Of 4 rows, the columns 0, 4, 8 and 12 in the lanes of the first vector, those after them in the others.
    private static void Four(
        float* from, nint row,
        out Vector512<float> c0, out Vector512<float> c1, out Vector512<float> c2, out Vector512<float> c3) =>
        Four(Vector512.Load(from), Vector512.Load(from + row), Vector512.Load(from + 2 * row), Vector512.Load(from + 3 * row),
            out c0, out c1, out c2, out c3);

    private static void Four(
        Vector512<float> r0, Vector512<float> r1, Vector512<float> r2, Vector512<float> r3,
        out Vector512<float> c0, out Vector512<float> c1, out Vector512<float> c2, out Vector512<float> c3)
    {
        Vector512<float> low01 = Avx512F.UnpackLow(r0, r1), high01 = Avx512F.UnpackHigh(r0, r1);
        Vector512<float> low23 = Avx512F.UnpackLow(r2, r3), high23 = Avx512F.UnpackHigh(r2, r3);
        c0 = Avx512F.Shuffle(low01, low23, 0x44);
        c1 = Avx512F.Shuffle(low01, low23, 0xEE);
        c2 = Avx512F.Shuffle(high01, high23, 0x44);
        c3 = Avx512F.Shuffle(high01, high23, 0xEE);
    }

    // The first lanes of all four vectors, then their second ones, and so on.
    private static void Columns(Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d, float* to, nint distance)
    {
        Vector512<float> even01 = Avx512F.Shuffle4x128(a, b, 0x88), even23 = Avx512F.Shuffle4x128(c, d, 0x88);
        Vector512<float> odd01 = Avx512F.Shuffle4x128(a, b, 0xDD), odd23 = Avx512F.Shuffle4x128(c, d, 0xDD);
        Avx512F.Shuffle4x128(even01, even23, 0x88).Store(to);
        Avx512F.Shuffle4x128(odd01, odd23, 0x88).Store(to + distance);
        Avx512F.Shuffle4x128(even01, even23, 0xDD).Store(to + 2 * distance);
        Avx512F.Shuffle4x128(odd01, odd23, 0xDD).Store(to + 3 * distance);
    }

    // Channels 0 to 3 and 4 to 7 in the halves of the first four vectors, 8 to 11 and 12 to 15 in the others.
    private static void ReadEight(float* first, nint distance, float* pixels)
    {
        Four(Pair(first, distance, 0), Pair(first, distance, 1), Pair(first, distance, 2), Pair(first, distance, 3),
            out Vector512<float> u0, out Vector512<float> u1, out Vector512<float> u2, out Vector512<float> u3);
        Four(Pair(first, distance, 8), Pair(first, distance, 9), Pair(first, distance, 10), Pair(first, distance, 11),
            out Vector512<float> v0, out Vector512<float> v1, out Vector512<float> v2, out Vector512<float> v3);
        Avx512F.Shuffle4x128(u0, v0, 0x88).Store(pixels);
        Avx512F.Shuffle4x128(u1, v1, 0x88).Store(pixels + Lanes);
        Avx512F.Shuffle4x128(u2, v2, 0x88).Store(pixels + 2 * Lanes);
        Avx512F.Shuffle4x128(u3, v3, 0x88).Store(pixels + 3 * Lanes);
        Avx512F.Shuffle4x128(u0, v0, 0xDD).Store(pixels + 4 * Lanes);
        Avx512F.Shuffle4x128(u1, v1, 0xDD).Store(pixels + 5 * Lanes);
        Avx512F.Shuffle4x128(u2, v2, 0xDD).Store(pixels + 6 * Lanes);
        Avx512F.Shuffle4x128(u3, v3, 0xDD).Store(pixels + 7 * Lanes);
    }

    private static Vector512<float> Pair(float* first, nint distance, int channel) =>
        Vector512.Create(Vector256.Load(first + channel * distance), Vector256.Load(first + (channel + 4) * distance));

    private static void WriteFour(float* pixels, float* first, nint distance)
    {
        Four(pixels, Lanes, out Vector512<float> c0, out Vector512<float> c1, out Vector512<float> c2, out Vector512<float> c3);
        Lane(c0, first, 4 * distance);
        Lane(c1, first + distance, 4 * distance);
        Lane(c2, first + 2 * distance, 4 * distance);
        Lane(c3, first + 3 * distance, 4 * distance);
    }

    private static void Lane(Vector512<float> pixels, float* first, nint distance)
    {
        Avx512F.ExtractVector128(pixels, 0).Store(first);
        Avx512F.ExtractVector128(pixels, 1).Store(first + distance);
        Avx512F.ExtractVector128(pixels, 2).Store(first + 2 * distance);
        Avx512F.ExtractVector128(pixels, 3).Store(first + 3 * distance);
    }
}
