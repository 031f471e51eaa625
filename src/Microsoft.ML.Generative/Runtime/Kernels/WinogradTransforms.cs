using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// The matrices of F(4×4, 3×3) (Lavin, Gray, "Fast algorithms for convolutional neural networks", 2015, section 4.3), for 16 channels at
/// once: 4×4 outputs of a 3×3 convolution are a product of 36 numbers, in place of 144.
/// </summary>
internal static unsafe class WinogradTransforms
{
    /// <summary>Outputs of a tile's side.</summary>
    public const int Tile = 4;

    /// <summary>Pixels of a side that such a tile depends on.</summary>
    public const int Side = 6;

    /// <summary>Numbers that a tile becomes.</summary>
    public const int Points = Side * Side;

    private const int Lanes = MatrixKernel.Lanes;

    private static Vector512<float> Two => Vector512.Create(2f);

    private static Vector512<float> Four => Vector512.Create(4f);

    private static Vector512<float> Eight => Vector512.Create(8f);

    private static Vector512<float> Sixth => Vector512.Create(1f / 6);

    private static Vector512<float> Twelfth => Vector512.Create(1f / 12);

    private static Vector512<float> Quarter => Vector512.Create(0.25f);

    private static Vector512<float> TwentyFourth => Vector512.Create(1f / 24);

    /// <summary>Bᵀ d B of neighboring tiles, each 6×6 pixels to 36 numbers. Each tile shares two columns of pixels with the next.</summary>
    /// <param name="pixels">The first tile's first pixel's 16 channels; those of its neighbors to the right follow.</param>
    /// <param name="row">Floats between rows of pixels.</param>
    /// <param name="tiles">The tiles.</param>
    /// <param name="points">Where the first tile's first number belongs.</param>
    /// <param name="tile">Floats between the tiles' numbers.</param>
    /// <param name="distance">Floats between a tile's numbers.</param>
    public static void Input(float* pixels, nint row, int tiles, float* points, nint tile, nint distance)
    {
        Input<UpperInputs>(pixels, row, tiles, points, tile, distance);
        Input<LowerInputs>(pixels, row, tiles, points + Points / 2 * distance, tile, distance);
    }

    /// <summary>A y Aᵀ of neighboring tiles: the gradient of 4×4 outputs each to 36 numbers.</summary>
    /// <inheritdoc cref="Input(float*, nint, int, float*, nint, nint)"/>
    public static void Gradient(float* pixels, nint row, int tiles, float* points, nint tile, nint distance)
    {
        for (int i = 0; i < tiles; i++, pixels += Tile * Lanes, points += tile)
        {
            Gradient<UpperGradients>(pixels, row, points, distance);
            Gradient<LowerGradients>(pixels, row, points + Points / 2 * distance, distance);
        }
    }

    /// <summary>Aᵀ m A + b of neighboring tiles: 36 numbers each to 4×4 outputs.</summary>
    /// <param name="points">The first tile's first number.</param>
    /// <param name="tile">Floats between the tiles' numbers.</param>
    /// <param name="distance">Floats between a tile's numbers.</param>
    /// <param name="bias">What is added.</param>
    /// <param name="tiles">The tiles.</param>
    /// <param name="pixels">The first tile's first output's 16 channels; those of its neighbors to the right follow.</param>
    /// <param name="row">Floats between rows of outputs.</param>
    public static void Output(
        float* points, nint tile, nint distance, Vector512<float> bias, int tiles, float* pixels, nint row)
    {
        for (int i = 0; i < tiles; i++, points += tile, pixels += Tile * Lanes)
        {
            Output<UpperOutputs>(points, distance, bias, pixels, row);
            Output<LowerOutputs>(points, distance, bias, pixels + 2 * row, row);
        }
    }

    /// <summary>G g Gᵀ: a 3×3 kernel to 36 numbers.</summary>
    /// <param name="kernel">[3, 3, 16].</param>
    /// <param name="points">Where the first number belongs.</param>
    /// <param name="distance">Floats between the numbers.</param>
    public static void Filter(float* kernel, float* points, nint distance)
    {
        const int Row = 3 * Lanes;
        nint line = Side * distance;
        Filter(
            Vector512.Load(kernel), Vector512.Load(kernel + Row), Vector512.Load(kernel + 2 * Row),
            out Vector512<float> a0, out Vector512<float> a1, out Vector512<float> a2,
            out Vector512<float> a3, out Vector512<float> a4, out Vector512<float> a5);
        Filter(
            Vector512.Load(kernel + Lanes), Vector512.Load(kernel + Row + Lanes), Vector512.Load(kernel + 2 * Row + Lanes),
            out Vector512<float> b0, out Vector512<float> b1, out Vector512<float> b2,
            out Vector512<float> b3, out Vector512<float> b4, out Vector512<float> b5);
        Filter(
            Vector512.Load(kernel + 2 * Lanes), Vector512.Load(kernel + Row + 2 * Lanes), Vector512.Load(kernel + 2 * Row + 2 * Lanes),
            out Vector512<float> c0, out Vector512<float> c1, out Vector512<float> c2,
            out Vector512<float> c3, out Vector512<float> c4, out Vector512<float> c5);
        Filter(a0, b0, c0, points, distance);
        Filter(a1, b1, c1, points + line, distance);
        Filter(a2, b2, c2, points + 2 * line, distance);
        Filter(a3, b3, c3, points + 3 * line, distance);
        Filter(a4, b4, c4, points + 4 * line, distance);
        Filter(a5, b5, c5, points + 5 * line, distance);
    }

    /// <summary>Gᵀ u G: 36 numbers to the gradient of a 3×3 kernel.</summary>
    /// <param name="points">The first number.</param>
    /// <param name="distance">Floats between the numbers.</param>
    /// <param name="between">Memory for 18 · 16 floats.</param>
    /// <param name="kernel">[3, 3, 16].</param>
    public static void FilterGradient(float* points, nint distance, float* between, float* kernel)
    {
        for (int j = 0; j < Side; j++)
            FilterGradient(points + j * distance, Side * distance, between + j * Lanes, Side * Lanes);
        for (int i = 0; i < 3; i++)
            FilterGradient(between + i * Side * Lanes, Lanes, kernel + i * 3 * Lanes, Lanes);
    }

    // Half of the numbers at a time, which registers hold from the columns' transformation to the rows'.
    private static void Input<THalf>(float* pixels, nint row, int tiles, float* points, nint tile, nint distance)
        where THalf : IThreeRows
    {
        THalf.Of(pixels, row, out Vector512<float> a0, out Vector512<float> a1, out Vector512<float> a2);
        THalf.Of(pixels + Lanes, row, out Vector512<float> b0, out Vector512<float> b1, out Vector512<float> b2);
        float* next = pixels + 2 * Lanes;
        for (int i = 0; i < tiles; i++, next += Tile * Lanes, points += tile)
        {
            THalf.Of(next, row, out Vector512<float> c0, out Vector512<float> c1, out Vector512<float> c2);
            THalf.Of(next + Lanes, row, out Vector512<float> d0, out Vector512<float> d1, out Vector512<float> d2);
            THalf.Of(next + 2 * Lanes, row, out Vector512<float> e0, out Vector512<float> e1, out Vector512<float> e2);
            THalf.Of(next + 3 * Lanes, row, out Vector512<float> f0, out Vector512<float> f1, out Vector512<float> f2);
            Input(a0, b0, c0, d0, e0, f0, points, distance);
            Input(a1, b1, c1, d1, e1, f1, points + Side * distance, distance);
            Input(a2, b2, c2, d2, e2, f2, points + 2 * Side * distance, distance);
            (a0, a1, a2) = (e0, e1, e2);
            (b0, b1, b2) = (f0, f1, f2);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Input(
        Vector512<float> d0, Vector512<float> d1, Vector512<float> d2, Vector512<float> d3, Vector512<float> d4, Vector512<float> d5,
        float* to, nint distance)
    {
        UpperInputs.Of(d0, d1, d2, d3, d4, out Vector512<float> r0, out Vector512<float> r1, out Vector512<float> r2);
        r0.Store(to);
        r1.Store(to + distance);
        r2.Store(to + 2 * distance);
        LowerInputs.Of(d1, d2, d3, d4, d5, out Vector512<float> r3, out Vector512<float> r4, out Vector512<float> r5);
        r3.Store(to + 3 * distance);
        r4.Store(to + 4 * distance);
        r5.Store(to + 5 * distance);
    }

    private static void Gradient<THalf>(float* pixels, nint row, float* points, nint distance)
        where THalf : IThreeRows
    {
        THalf.Of(pixels, row, out Vector512<float> a0, out Vector512<float> a1, out Vector512<float> a2);
        THalf.Of(pixels + Lanes, row, out Vector512<float> b0, out Vector512<float> b1, out Vector512<float> b2);
        THalf.Of(pixels + 2 * Lanes, row, out Vector512<float> c0, out Vector512<float> c1, out Vector512<float> c2);
        THalf.Of(pixels + 3 * Lanes, row, out Vector512<float> d0, out Vector512<float> d1, out Vector512<float> d2);
        Gradient(a0, b0, c0, d0, points, distance);
        Gradient(a1, b1, c1, d1, points + Side * distance, distance);
        Gradient(a2, b2, c2, d2, points + 2 * Side * distance, distance);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Gradient(
        Vector512<float> y0, Vector512<float> y1, Vector512<float> y2, Vector512<float> y3, float* to, nint distance)
    {
        UpperGradients.Of(y0, y1, y2, y3, out Vector512<float> r0, out Vector512<float> r1, out Vector512<float> r2);
        r0.Store(to);
        r1.Store(to + distance);
        r2.Store(to + 2 * distance);
        LowerGradients.Of(y0, y1, y2, y3, out Vector512<float> r3, out Vector512<float> r4, out Vector512<float> r5);
        r3.Store(to + 3 * distance);
        r4.Store(to + 4 * distance);
        r5.Store(to + 5 * distance);
    }

    private static void Output<THalf>(float* points, nint distance, Vector512<float> bias, float* pixels, nint row)
        where THalf : ITwoRows
    {
        nint step = Side * distance;
        THalf.Of(points, step, out Vector512<float> a0, out Vector512<float> a1);
        THalf.Of(points + distance, step, out Vector512<float> b0, out Vector512<float> b1);
        THalf.Of(points + 2 * distance, step, out Vector512<float> c0, out Vector512<float> c1);
        THalf.Of(points + 3 * distance, step, out Vector512<float> d0, out Vector512<float> d1);
        THalf.Of(points + 4 * distance, step, out Vector512<float> e0, out Vector512<float> e1);
        THalf.Of(points + 5 * distance, step, out Vector512<float> f0, out Vector512<float> f1);
        Output(a0, b0, c0, d0, e0, f0, bias, pixels);
        Output(a1, b1, c1, d1, e1, f1, bias, pixels + row);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Output(
        Vector512<float> m0, Vector512<float> m1, Vector512<float> m2, Vector512<float> m3, Vector512<float> m4, Vector512<float> m5,
        Vector512<float> bias, float* to)
    {
        UpperOutputs.Of(m0, m1, m2, m3, m4, out Vector512<float> r0, out Vector512<float> r1);
        (r0 + bias).Store(to);
        (r1 + bias).Store(to + Lanes);
        LowerOutputs.Of(m1, m2, m3, m4, m5, out Vector512<float> r2, out Vector512<float> r3);
        (r2 + bias).Store(to + 2 * Lanes);
        (r3 + bias).Store(to + 3 * Lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Filter(
        Vector512<float> g0, Vector512<float> g1, Vector512<float> g2,
        out Vector512<float> r0, out Vector512<float> r1, out Vector512<float> r2,
        out Vector512<float> r3, out Vector512<float> r4, out Vector512<float> r5)
    {
        Vector512<float> outer = (g0 + g2) * Sixth, middle = g1 * Sixth;
        r0 = g0 * Quarter;
        r1 = -(outer + middle);
        r2 = middle - outer;
        outer = Vector512.FusedMultiplyAdd(g0, TwentyFourth, g2 * Sixth);
        middle = g1 * Twelfth;
        r3 = outer + middle;
        r4 = outer - middle;
        r5 = g2;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Filter(Vector512<float> g0, Vector512<float> g1, Vector512<float> g2, float* to, nint distance)
    {
        Filter(
            g0, g1, g2,
            out Vector512<float> r0, out Vector512<float> r1, out Vector512<float> r2,
            out Vector512<float> r3, out Vector512<float> r4, out Vector512<float> r5);
        r0.Store(to);
        r1.Store(to + distance);
        r2.Store(to + 2 * distance);
        r3.Store(to + 3 * distance);
        r4.Store(to + 4 * distance);
        r5.Store(to + 5 * distance);
    }

    private static void FilterGradient(float* from, nint step, float* to, nint distance)
    {
        Vector512<float> u0 = Vector512.Load(from), u1 = Vector512.Load(from + step), u2 = Vector512.Load(from + 2 * step);
        Vector512<float> u3 = Vector512.Load(from + 3 * step), u4 = Vector512.Load(from + 4 * step), u5 = Vector512.Load(from + 5 * step);
        Vector512<float> sum12 = u1 + u2, sum34 = u3 + u4;
        (u0 * Quarter - sum12 * Sixth + sum34 * TwentyFourth).Store(to);
        ((u2 - u1) * Sixth + (u3 - u4) * Twelfth).Store(to + distance);
        ((sum34 - sum12) * Sixth + u5).Store(to + 2 * distance);
    }

    // Three of the six rows that a matrix makes of a column.
    private interface IThreeRows
    {
        static abstract void Of(float* from, nint step, out Vector512<float> r0, out Vector512<float> r1, out Vector512<float> r2);
    }

    // Two of the four.
    private interface ITwoRows
    {
        static abstract void Of(float* from, nint step, out Vector512<float> r0, out Vector512<float> r1);
    }

    private readonly struct UpperInputs : IThreeRows
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Of(float* from, nint step, out Vector512<float> r0, out Vector512<float> r1, out Vector512<float> r2) =>
            Of(Vector512.Load(from), Vector512.Load(from + step), Vector512.Load(from + 2 * step), Vector512.Load(from + 3 * step),
                Vector512.Load(from + 4 * step), out r0, out r1, out r2);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Of(
            Vector512<float> d0, Vector512<float> d1, Vector512<float> d2, Vector512<float> d3, Vector512<float> d4,
            out Vector512<float> r0, out Vector512<float> r1, out Vector512<float> r2)
        {
            r0 = Vector512.FusedMultiplyAdd(d0, Four, Vector512.FusedMultiplyAdd(d2, Vector512.Create(-5f), d4));
            r1 = Vector512.FusedMultiplyAdd(d1 + d2, Vector512.Create(-4f), d3 + d4);
            r2 = Vector512.FusedMultiplyAdd(d1 - d2, Four, d4 - d3);
        }
    }

    private readonly struct LowerInputs : IThreeRows
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Of(float* from, nint step, out Vector512<float> r3, out Vector512<float> r4, out Vector512<float> r5) =>
            Of(Vector512.Load(from + step), Vector512.Load(from + 2 * step), Vector512.Load(from + 3 * step),
                Vector512.Load(from + 4 * step), Vector512.Load(from + 5 * step), out r3, out r4, out r5);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Of(
            Vector512<float> d1, Vector512<float> d2, Vector512<float> d3, Vector512<float> d4, Vector512<float> d5,
            out Vector512<float> r3, out Vector512<float> r4, out Vector512<float> r5)
        {
            Vector512<float> odd = d3 - d1, even = d4 - d2;
            r3 = Vector512.FusedMultiplyAdd(odd, Two, even);
            r4 = Vector512.FusedMultiplyAdd(odd, Vector512.Create(-2f), even);
            r5 = Vector512.FusedMultiplyAdd(d1, Four, Vector512.FusedMultiplyAdd(d3, Vector512.Create(-5f), d5));
        }
    }

    private readonly struct UpperGradients : IThreeRows
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Of(float* from, nint step, out Vector512<float> r0, out Vector512<float> r1, out Vector512<float> r2) =>
            Of(Vector512.Load(from), Vector512.Load(from + step), Vector512.Load(from + 2 * step), Vector512.Load(from + 3 * step),
                out r0, out r1, out r2);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Of(
            Vector512<float> y0, Vector512<float> y1, Vector512<float> y2, Vector512<float> y3,
            out Vector512<float> r0, out Vector512<float> r1, out Vector512<float> r2)
        {
            Vector512<float> even = y0 + y2, odd = y1 + y3;
            r0 = y0;
            r1 = even + odd;
            r2 = even - odd;
        }
    }

    private readonly struct LowerGradients : IThreeRows
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Of(float* from, nint step, out Vector512<float> r3, out Vector512<float> r4, out Vector512<float> r5) =>
            Of(Vector512.Load(from), Vector512.Load(from + step), Vector512.Load(from + 2 * step), Vector512.Load(from + 3 * step),
                out r3, out r4, out r5);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Of(
            Vector512<float> y0, Vector512<float> y1, Vector512<float> y2, Vector512<float> y3,
            out Vector512<float> r3, out Vector512<float> r4, out Vector512<float> r5)
        {
            Vector512<float> even = Vector512.FusedMultiplyAdd(y2, Four, y0), odd = Vector512.FusedMultiplyAdd(y3, Four, y1);
            r3 = Vector512.FusedMultiplyAdd(odd, Two, even);
            r4 = Vector512.FusedMultiplyAdd(odd, Vector512.Create(-2f), even);
            r5 = y3;
        }
    }

    private readonly struct UpperOutputs : ITwoRows
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Of(float* from, nint step, out Vector512<float> r0, out Vector512<float> r1) =>
            Of(Vector512.Load(from), Vector512.Load(from + step), Vector512.Load(from + 2 * step), Vector512.Load(from + 3 * step),
                Vector512.Load(from + 4 * step), out r0, out r1);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Of(
            Vector512<float> m0, Vector512<float> m1, Vector512<float> m2, Vector512<float> m3, Vector512<float> m4,
            out Vector512<float> r0, out Vector512<float> r1)
        {
            r0 = m0 + (m1 + m2) + (m3 + m4);
            r1 = Vector512.FusedMultiplyAdd(m3 - m4, Two, m1 - m2);
        }
    }

    private readonly struct LowerOutputs : ITwoRows
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Of(float* from, nint step, out Vector512<float> r2, out Vector512<float> r3) =>
            Of(Vector512.Load(from + step), Vector512.Load(from + 2 * step), Vector512.Load(from + 3 * step),
                Vector512.Load(from + 4 * step), Vector512.Load(from + 5 * step), out r2, out r3);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Of(
            Vector512<float> m1, Vector512<float> m2, Vector512<float> m3, Vector512<float> m4, Vector512<float> m5,
            out Vector512<float> r2, out Vector512<float> r3)
        {
            r2 = Vector512.FusedMultiplyAdd(m3 + m4, Four, m1 + m2);
            r3 = Vector512.FusedMultiplyAdd(m3 - m4, Eight, m1 - m2) + m5;
        }
    }
}
