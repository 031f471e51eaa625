using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>Weights that are read as floats: floats, or the high halves of floats (bfloat16) as <see cref="ushort"/>.</summary>
internal static unsafe class FloatWeights
{
    /// <summary>Outputs that are computed together.</summary>
    public const int Together = 8;

    private const int HalfBits = 16;

    /// <summary>Reads the weights of a vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Load<T>(T* weights)
        where T : unmanaged
    {
        if (typeof(T) == typeof(float))
            return Vector.Load((float*)weights);
        ushort* halves = (ushort*)weights;
        if (Vector<float>.Count == Vector256<float>.Count)
            return (Vector256.WidenLower(Vector128.Load(halves).ToVector256Unsafe()) << HalfBits).AsSingle().AsVector();
        if (Vector<float>.Count == Vector128<float>.Count)
            return (Vector128.WidenLower(Vector64.Load(halves).ToVector128Unsafe()) << HalfBits).AsSingle().AsVector();
        Vector<uint> bits = default;
        for (int i = 0; i < Vector<uint>.Count; i++)
            bits = bits.WithElement(i, (uint)halves[i] << HalfBits);
        return bits.As<uint, float>();
    }

    /// <summary>Reads the weights of half a vector into both halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadTwice<T>(T* weights)
        where T : unmanaged
    {
        if (typeof(T) == typeof(float) && Avx512DQ.IsSupported)
            return Avx512DQ.BroadcastVector256ToVector512((float*)weights);
        Vector256<float> half = Load(weights).AsVector256();
        return Vector512.Create(half, half);
    }

    /// <summary>The value of a weight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Value<T>(T weight)
        where T : unmanaged =>
        typeof(T) == typeof(float)
            ? Unsafe.BitCast<T, float>(weight)
            : BitConverter.UInt32BitsToSingle((uint)Unsafe.BitCast<T, ushort>(weight) << HalfBits);
}
