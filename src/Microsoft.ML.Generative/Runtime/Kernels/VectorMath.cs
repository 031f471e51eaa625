using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// Functions of vectors of floats. Each element's result depends on that element alone, wherever in the vector it stands.
/// </summary>
internal static class VectorMath
{
    /// <summary>e^x to about 1e-7 of it; 0 below −86.9, near where floats become subnormal, and infinite above 88.7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Exp(Vector<float> x)
    {
        // x = n ln 2 + r with |r| ≤ ln 2 / 2, ln 2 in two parts. Adding 1.5 · 2^23 rounds to an integer, which then stands in the low bits.
        var shift = new Vector<float>(12_582_912f);
        Vector<float> shifted = Vector.FusedMultiplyAdd(x, new Vector<float>(1.44269504f), shift);
        Vector<float> n = shifted - shift;
        Vector<float> r = Vector.FusedMultiplyAdd(n, new Vector<float>(-0.693359375f), x);
        r = Vector.FusedMultiplyAdd(n, new Vector<float>(2.12194440e-4f), r);

        // Taylor: the first term left out is below 6e-9.
        Vector<float> y = Vector.FusedMultiplyAdd(r, new Vector<float>(1 / 5040f), new Vector<float>(1 / 720f));
        y = Vector.FusedMultiplyAdd(y, r, new Vector<float>(1 / 120f));
        y = Vector.FusedMultiplyAdd(y, r, new Vector<float>(1 / 24f));
        y = Vector.FusedMultiplyAdd(y, r, new Vector<float>(1 / 6f));
        y = Vector.FusedMultiplyAdd(y, r, new Vector<float>(0.5f));
        y = Vector.FusedMultiplyAdd(y, r, Vector<float>.One);
        y = Vector.FusedMultiplyAdd(y, r, Vector<float>.One);

        // 2^n as 2^(n − 1) · 2, so that n = 128 is in range. A NaN passes both comparisons and stays one.
        Vector<int> exponent = (Vector.AsVectorInt32(shifted) << 23) + new Vector<int>(126 << 23);
        y = y * Vector.AsVectorSingle(exponent) * 2f;
        y = Vector.ConditionalSelect(Vector.LessThan(x, new Vector<float>(-86.9f)), Vector<float>.Zero, y);
        return Vector.ConditionalSelect(Vector.GreaterThan(x, new Vector<float>(88.7f)), new Vector<float>(float.PositiveInfinity), y);
    }

    /// <summary>x / (1 + e^−x)</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Silu(Vector<float> x) => x / (Vector<float>.One + Exp(-x));

    /// <summary>The same, with the derivative s (1 + x (1 − s)), s = 1 / (1 + e^−x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Silu(Vector<float> x, out Vector<float> slope)
    {
        Vector<float> sigmoid = Vector<float>.One / (Vector<float>.One + Exp(-x));
        slope = sigmoid * Vector.FusedMultiplyAdd(x, Vector<float>.One - sigmoid, Vector<float>.One);
        return x * sigmoid;
    }

    /// <summary>GELU by a hyperbolic tangent (Hendrycks, Gimpel 2016): (1 + tanh u) / 2 = 1 / (1 + e^−2u).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> GeluTanh(Vector<float> x)
    {
        // 2 √(2/π) and that times 0.044715.
        Vector<float> slope = Vector.FusedMultiplyAdd(x * x, new Vector<float>(0.0713548163f), new Vector<float>(1.59576912f));
        return x / (Vector<float>.One + Exp(-x * slope));
    }

    /// <summary>The same, with the derivative s + x s (1 − s) (2u)', s = 1 / (1 + e^−2u).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> GeluTanh(Vector<float> x, out Vector<float> slope)
    {
        Vector<float> square = x * x;
        Vector<float> twice = x * Vector.FusedMultiplyAdd(square, new Vector<float>(0.0713548163f), new Vector<float>(1.59576912f));
        Vector<float> derivative = Vector.FusedMultiplyAdd(square, new Vector<float>(0.214064449f), new Vector<float>(1.59576912f));
        Vector<float> sigmoid = Vector<float>.One / (Vector<float>.One + Exp(-twice));
        slope = Vector.FusedMultiplyAdd(x * sigmoid * (Vector<float>.One - sigmoid), derivative, sigmoid);
        return x * sigmoid;
    }

    /// <summary>x Φ(x), Φ to 1e-7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Gelu(Vector<float> x)
    {
        Vector<float> tail = Tail(Vector.Abs(x), Exp(x * x * -0.5f));
        return Vector.ConditionalSelect(Vector.LessThan(x, Vector<float>.Zero), x * tail, x - x * tail);
    }

    /// <summary>The same, with the derivative Φ(x) + x φ(x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Gelu(Vector<float> x, out Vector<float> slope)
    {
        Vector<float> exponential = Exp(x * x * -0.5f), tail = Tail(Vector.Abs(x), exponential);
        Vector<int> isNegative = Vector.LessThan(x, Vector<float>.Zero);
        Vector<float> probability = Vector.ConditionalSelect(isNegative, tail, Vector<float>.One - tail);
        slope = Vector.FusedMultiplyAdd(x * exponential, new Vector<float>(0.398942280f), probability);
        return Vector.ConditionalSelect(isNegative, x * tail, x - x * tail);
    }

    // Φ(−z) for z ≥ 0, given e^(−z²/2).
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> Tail(Vector<float> z, Vector<float> exponential)
    {
        // Φ(−z) e^(z²/2) = t P(t) with t = 1 / (1 + 0.35 z) for z ≥ 0: the form of Abramowitz, Stegun 1964, 26.2.17, here with a
        // polynomial of degree 8 that interpolates at Chebyshev's points from z = 0 to 14, within 4e-8 of the value.
        Vector<float> t = Vector<float>.One / Vector.FusedMultiplyAdd(z, new Vector<float>(0.35f), Vector<float>.One);
        Vector<float> p = Vector.FusedMultiplyAdd(t, new Vector<float>(-0.029679522f), new Vector<float>(0.14654583f));
        p = Vector.FusedMultiplyAdd(p, t, new Vector<float>(-0.260961228f));
        p = Vector.FusedMultiplyAdd(p, t, new Vector<float>(0.165050996f));
        p = Vector.FusedMultiplyAdd(p, t, new Vector<float>(-0.0270466083f));
        p = Vector.FusedMultiplyAdd(p, t, new Vector<float>(0.107114588f));
        p = Vector.FusedMultiplyAdd(p, t, new Vector<float>(0.119444917f));
        p = Vector.FusedMultiplyAdd(p, t, new Vector<float>(0.139912298f));
        p = Vector.FusedMultiplyAdd(p, t, new Vector<float>(0.139618713f));
        return p * t * exponential;
    }

    /// <summary>The sums of four vectors, each added up in the same order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sums(Vector<float> a, Vector<float> b, Vector<float> c, Vector<float> d)
    {
        Vector128<float> a4 = Fold(a), b4 = Fold(b), c4 = Fold(c), d4 = Fold(d);
        if (Sse3.IsSupported)
            return Sse3.HorizontalAdd(Sse3.HorizontalAdd(a4, b4), Sse3.HorizontalAdd(c4, d4));
        if (AdvSimd.Arm64.IsSupported)
            return AdvSimd.Arm64.AddPairwise(AdvSimd.Arm64.AddPairwise(a4, b4), AdvSimd.Arm64.AddPairwise(c4, d4));
        return Vector128.Create(Sum(a4), Sum(b4), Sum(c4), Sum(d4));
    }

    /// <summary>The sum, added up as in <see cref="Sums"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector<float> x) => Sum(Fold(x));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Max(Vector<float> x)
    {
        if (Vector<float>.Count == 16)
            x = Vector.Max(x, Vector512.Create(x.AsVector512().GetUpper(), x.AsVector512().GetLower()).AsVector());
        Vector128<float> four = Vector<float>.Count == 4
            ? x.AsVector128()
            : Vector128.Max(x.AsVector256().GetLower(), x.AsVector256().GetUpper());
        return MathF.Max(MathF.Max(four[0], four[1]), MathF.Max(four[2], four[3]));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Fold(Vector<float> x)
    {
        if (Vector<float>.Count == 4)
            return x.AsVector128();
        Vector256<float> eight = Vector<float>.Count == 8 ? x.AsVector256() : x.AsVector512().GetLower() + x.AsVector512().GetUpper();
        return eight.GetLower() + eight.GetUpper();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Sum(Vector128<float> x) => x[0] + x[1] + (x[2] + x[3]);
}
