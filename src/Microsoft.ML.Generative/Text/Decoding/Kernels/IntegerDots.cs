using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>
/// Products of bytes, added up in groups of four: of 8-bit codes −128 to 127, or of 4-bit ones that are stored as 0 to 15. All processors
/// compute the same integers.
/// </summary>
internal interface IIntegerDots
{
    /// <summary>What the weights that are multiplied are larger by than those that are meant.</summary>
    static abstract int Offset { get; }

    /// <summary>Weights, once for all rows of x.</summary>
    static abstract Vector256<byte> Prepare(Vector256<byte> codes);

    /// <summary>sum + Σ weight · x of four bytes in each lane; |x| ≤ 127.</summary>
    static abstract Vector256<int> Add(Vector256<int> sum, Vector256<byte> weights, Vector256<sbyte> x);
}

/// <summary>8-bit codes with AVX-VNNI, whose weights have no sign.</summary>
internal readonly struct VnniByteDots : IIntegerDots
{
    public static int Offset => 128;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Prepare(Vector256<byte> codes) => codes ^ Vector256.Create((byte)0x80);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> sum, Vector256<byte> weights, Vector256<sbyte> x) =>
        AvxVnni.MultiplyWideningAndAdd(sum, weights, x);
}

/// <summary>4-bit codes with AVX-VNNI.</summary>
internal readonly struct VnniNibbleDots : IIntegerDots
{
    public static int Offset => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Prepare(Vector256<byte> codes) => codes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> sum, Vector256<byte> weights, Vector256<sbyte> x) =>
        AvxVnni.MultiplyWideningAndAdd(sum, weights, x);
}

/// <summary>8-bit codes with AVX2: sums of two products fit 16 bits, as 2 · 128 · 127 does.</summary>
internal readonly struct Avx2ByteDots : IIntegerDots
{
    public static int Offset => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Prepare(Vector256<byte> codes) => codes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> sum, Vector256<byte> weights, Vector256<sbyte> x)
    {
        Vector256<short> pairs = Avx2.MultiplyAddAdjacent(Avx2.Abs(weights.AsSByte()), Avx2.Sign(x, weights.AsSByte()));
        return sum + Avx2.MultiplyAddAdjacent(pairs, Vector256<short>.One);
    }
}

/// <summary>4-bit codes with AVX2.</summary>
internal readonly struct Avx2NibbleDots : IIntegerDots
{
    public static int Offset => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Prepare(Vector256<byte> codes) => codes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> sum, Vector256<byte> weights, Vector256<sbyte> x) =>
        sum + Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(weights, x), Vector256<short>.One);
}

/// <summary>8-bit codes on any processor.</summary>
internal readonly struct PortableByteDots : IIntegerDots
{
    public static int Offset => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Prepare(Vector256<byte> codes) => codes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> sum, Vector256<byte> weights, Vector256<sbyte> x)
    {
        Vector256<int> w = weights.AsInt32(), v = x.AsInt32();
        return sum + ((w << 24 >> 24) * (v << 24 >> 24) + (w << 16 >> 24) * (v << 16 >> 24)
            + ((w << 8 >> 24) * (v << 8 >> 24) + (w >> 24) * (v >> 24)));
    }
}

/// <summary>4-bit codes on any processor.</summary>
internal readonly struct PortableNibbleDots : IIntegerDots
{
    public static int Offset => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Prepare(Vector256<byte> codes) => codes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> sum, Vector256<byte> weights, Vector256<sbyte> x) =>
        PortableByteDots.Add(sum, weights, x);
}

/// <summary>The instructions that integers are multiplied with.</summary>
internal enum IntegerPath
{
    Portable,
    Avx2,
    AvxVnni,
}

/// <summary>The paths that this processor has.</summary>
internal static class IntegerPaths
{
    public static IntegerPath Best =>
        AvxVnni.IsSupported ? IntegerPath.AvxVnni : Avx2.IsSupported ? IntegerPath.Avx2 : IntegerPath.Portable;

    public static IEnumerable<IntegerPath> All => Enum.GetValues<IntegerPath>().Where(path => path <= Best);
}
