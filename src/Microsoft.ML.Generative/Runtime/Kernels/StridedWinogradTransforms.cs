using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// The transformations of Winograd's algorithm F(4×4, 2×2) (Lavin, Gray 2015), of 16 channels at a time: 4×4 outputs of a 2×2 kernel are
/// Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A with 5×5 inputs d, where the polynomials of Toom and Cook are taken at 0, 1, −1, 2 and ∞. A 4×4 kernel of
/// stride 2 is four of these, for even and odd rows and columns.
/// </summary>
internal static unsafe class StridedWinogradTransforms
{
    /// <summary>The side of a tile of outputs.</summary>
    public const int Tile = WinogradTransforms.Tile;

    /// <summary>The side of its inputs, and of the numbers between.</summary>
    public const int Side = 5;

    /// <summary>The numbers that a tile becomes.</summary>
    public const int Points = Side * Side;

    private const int Lanes = MatrixKernel.Lanes;
    private const float Sixth = 1 / 6f;
    private const float Third = 1 / 3f;

    /// <summary>Bᵀ d B: 5×5 pixels to 25 numbers.</summary>
    /// <param name="pixels">The first pixel's 16 channels.</param>
    /// <param name="row">Floats from a row of pixels to the next that counts.</param>
    /// <param name="column">Floats from a column to the next that counts.</param>
    /// <param name="points">Where the first number belongs.</param>
    /// <param name="distance">Floats between the numbers.</param>
    public static void Input(float* pixels, nint row, nint column, float* points, nint distance)
    {
        UpperInput(pixels, row, out Vector512<float> a0, out Vector512<float> a1, out Vector512<float> a2);
        UpperInput(pixels + column, row, out Vector512<float> b0, out Vector512<float> b1, out Vector512<float> b2);
        UpperInput(pixels + 2 * column, row, out Vector512<float> c0, out Vector512<float> c1, out Vector512<float> c2);
        UpperInput(pixels + 3 * column, row, out Vector512<float> d0, out Vector512<float> d1, out Vector512<float> d2);
        UpperInput(pixels + 4 * column, row, out Vector512<float> e0, out Vector512<float> e1, out Vector512<float> e2);
        Input(a0, b0, c0, d0, e0, points, distance);
        Input(a1, b1, c1, d1, e1, points + Side * distance, distance);
        Input(a2, b2, c2, d2, e2, points + 2 * Side * distance, distance);
        LowerInput(pixels, row, out a0, out a1);
        LowerInput(pixels + column, row, out b0, out b1);
        LowerInput(pixels + 2 * column, row, out c0, out c1);
        LowerInput(pixels + 3 * column, row, out d0, out d1);
        LowerInput(pixels + 4 * column, row, out e0, out e1);
        Input(a0, b0, c0, d0, e0, points + 3 * Side * distance, distance);
        Input(a1, b1, c1, d1, e1, points + 4 * Side * distance, distance);
    }

    /// <summary>The same for 5×5 pixels and for those one to the right of them, which have most columns in common.</summary>
    /// <param name="pixels">The first pixel's 16 channels; those of its neighbors to the right follow.</param>
    /// <param name="row">Floats from a row of pixels to the next.</param>
    /// <param name="left">Where the first number of the left pixels belongs.</param>
    /// <param name="right">The same of the right ones.</param>
    /// <param name="distance">Floats between the numbers.</param>
    public static void InputPair(float* pixels, nint row, float* left, float* right, nint distance)
    {
        nint line = Side * distance;
        UpperInput(pixels, row, out Vector512<float> a0, out Vector512<float> a1, out Vector512<float> a2);
        UpperInput(pixels + Lanes, row, out Vector512<float> b0, out Vector512<float> b1, out Vector512<float> b2);
        UpperInput(pixels + 2 * Lanes, row, out Vector512<float> c0, out Vector512<float> c1, out Vector512<float> c2);
        UpperInput(pixels + 3 * Lanes, row, out Vector512<float> d0, out Vector512<float> d1, out Vector512<float> d2);
        UpperInput(pixels + 4 * Lanes, row, out Vector512<float> e0, out Vector512<float> e1, out Vector512<float> e2);
        UpperInput(pixels + 5 * Lanes, row, out Vector512<float> f0, out Vector512<float> f1, out Vector512<float> f2);
        Input(a0, b0, c0, d0, e0, left, distance);
        Input(b0, c0, d0, e0, f0, right, distance);
        Input(a1, b1, c1, d1, e1, left + line, distance);
        Input(b1, c1, d1, e1, f1, right + line, distance);
        Input(a2, b2, c2, d2, e2, left + 2 * line, distance);
        Input(b2, c2, d2, e2, f2, right + 2 * line, distance);
        LowerInput(pixels, row, out a0, out a1);
        LowerInput(pixels + Lanes, row, out b0, out b1);
        LowerInput(pixels + 2 * Lanes, row, out c0, out c1);
        LowerInput(pixels + 3 * Lanes, row, out d0, out d1);
        LowerInput(pixels + 4 * Lanes, row, out e0, out e1);
        LowerInput(pixels + 5 * Lanes, row, out f0, out f1);
        Input(a0, b0, c0, d0, e0, left + 3 * line, distance);
        Input(b0, c0, d0, e0, f0, right + 3 * line, distance);
        Input(a1, b1, c1, d1, e1, left + 4 * line, distance);
        Input(b1, c1, d1, e1, f1, right + 4 * line, distance);
    }

    /// <summary>A y Aᵀ: the gradient of 4×4 outputs to 25 numbers.</summary>
    /// <param name="pixels">The first output's 16 channels; those of its neighbors to the right follow.</param>
    /// <param name="row">Floats between rows of outputs.</param>
    /// <param name="points">Where the first number belongs.</param>
    /// <param name="distance">Floats between the numbers.</param>
    public static void Gradient(float* pixels, nint row, float* points, nint distance)
    {
        nint line = Side * distance;
        float* second = pixels + Lanes, third = second + Lanes, fourth = third + Lanes, last = pixels + 3 * row;
        Gradient(Vector512.Load(pixels), Vector512.Load(second), Vector512.Load(third), Vector512.Load(fourth), points, distance);
        MiddleGradient(pixels, row, out Vector512<float> a1, out Vector512<float> a2, out Vector512<float> a3);
        MiddleGradient(second, row, out Vector512<float> b1, out Vector512<float> b2, out Vector512<float> b3);
        MiddleGradient(third, row, out Vector512<float> c1, out Vector512<float> c2, out Vector512<float> c3);
        MiddleGradient(fourth, row, out Vector512<float> d1, out Vector512<float> d2, out Vector512<float> d3);
        Gradient(a1, b1, c1, d1, points + line, distance);
        Gradient(a2, b2, c2, d2, points + 2 * line, distance);
        Gradient(a3, b3, c3, d3, points + 3 * line, distance);
        Gradient(
            Vector512.Load(last), Vector512.Load(last + Lanes), Vector512.Load(last + 2 * Lanes), Vector512.Load(last + 3 * Lanes),
            points + 4 * line, distance);
    }

    /// <summary>Aᵀ m A + b: 25 numbers to 4×4 outputs.</summary>
    /// <param name="points">The first number.</param>
    /// <param name="distance">Floats between the numbers.</param>
    /// <param name="bias">What is added.</param>
    /// <param name="pixels">The first output's 16 channels.</param>
    /// <param name="row">Floats from a row of outputs to the next.</param>
    /// <param name="column">Floats from a column to the next.</param>
    public static void Output(float* points, nint distance, Vector512<float> bias, float* pixels, nint row, nint column)
    {
        Output(points, distance, out Vector512<float> a0, out Vector512<float> a1, out Vector512<float> a2, out Vector512<float> a3);
        Output(
            points + distance, distance,
            out Vector512<float> b0, out Vector512<float> b1, out Vector512<float> b2, out Vector512<float> b3);
        Output(
            points + 2 * distance, distance,
            out Vector512<float> c0, out Vector512<float> c1, out Vector512<float> c2, out Vector512<float> c3);
        Output(
            points + 3 * distance, distance,
            out Vector512<float> d0, out Vector512<float> d1, out Vector512<float> d2, out Vector512<float> d3);
        Output(
            points + 4 * distance, distance,
            out Vector512<float> e0, out Vector512<float> e1, out Vector512<float> e2, out Vector512<float> e3);
        Output(a0, b0, c0, d0, e0, bias, pixels, column);
        Output(a1, b1, c1, d1, e1, bias, pixels + row, column);
        Output(a2, b2, c2, d2, e2, bias, pixels + 2 * row, column);
        Output(a3, b3, c3, d3, e3, bias, pixels + 3 * row, column);
    }

    /// <summary>G g Gᵀ: a 2×2 kernel to 25 numbers.</summary>
    /// <param name="kernel">Its first element, of 16 channels.</param>
    /// <param name="row">Floats from a row of the kernel to the next; negative in one that is turned around.</param>
    /// <param name="column">Floats from a column to the next.</param>
    /// <param name="between">Memory for 10 · 16 floats.</param>
    /// <param name="points">Where the first number belongs.</param>
    /// <param name="distance">Floats between the numbers.</param>
    public static void Filter(float* kernel, nint row, nint column, float* between, float* points, nint distance)
    {
        for (int j = 0; j < 2; j++)
            Filter(kernel + j * column, row, between + j * Lanes, 2 * Lanes);
        for (int i = 0; i < Side; i++)
            Filter(between + i * 2 * Lanes, Lanes, points + i * Side * distance, distance);
    }

    /// <summary>Gᵀ u G: 25 numbers to the gradient of a 2×2 kernel.</summary>
    /// <param name="points">The first number.</param>
    /// <param name="distance">Floats between the numbers.</param>
    /// <param name="between">Memory for 10 · 16 floats.</param>
    /// <param name="kernel">Where the first element belongs.</param>
    /// <param name="row">Floats from a row of the kernel to the next.</param>
    /// <param name="column">Floats from a column to the next.</param>
    public static void FilterGradient(float* points, nint distance, float* between, float* kernel, nint row, nint column)
    {
        for (int j = 0; j < Side; j++)
            FilterGradient(points + j * distance, Side * distance, between + j * Lanes, Side * Lanes);
        for (int i = 0; i < 2; i++)
            FilterGradient(between + i * Side * Lanes, Lanes, kernel + i * row, column);
    }

    // Three of the five rows that Bᵀ makes of a column.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void UpperInput(float* from, nint step, out Vector512<float> r0, out Vector512<float> r1, out Vector512<float> r2)
    {
        Vector512<float> d0 = Vector512.Load(from), d1 = Vector512.Load(from + step), d2 = Vector512.Load(from + 2 * step);
        Vector512<float> odd = Vector512.Load(from + 3 * step) - d1;
        r0 = Vector512.FusedMultiplyAdd(d0 - d2, Vector512.Create(2f), odd);
        r1 = odd - (d1 + d2);
        r2 = Vector512.FusedMultiplyAdd(d1 - d2, Vector512.Create(3f), odd);
    }

    // The others.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LowerInput(float* from, nint step, out Vector512<float> r3, out Vector512<float> r4)
    {
        r3 = Vector512.Load(from + 3 * step) - Vector512.Load(from + step);
        r4 = Vector512.FusedMultiplyAdd(r3, Vector512.Create(-2f), Vector512.Load(from + 4 * step) - Vector512.Load(from + 2 * step));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Input(
        Vector512<float> d0, Vector512<float> d1, Vector512<float> d2, Vector512<float> d3, Vector512<float> d4, float* to, nint distance)
    {
        Vector512<float> odd = d3 - d1;
        Vector512.FusedMultiplyAdd(d0 - d2, Vector512.Create(2f), odd).Store(to);
        (odd - (d1 + d2)).Store(to + distance);
        Vector512.FusedMultiplyAdd(d1 - d2, Vector512.Create(3f), odd).Store(to + 2 * distance);
        odd.Store(to + 3 * distance);
        Vector512.FusedMultiplyAdd(odd, Vector512.Create(-2f), d4 - d2).Store(to + 4 * distance);
    }

    // The rows that A makes of a column, but for the first and the last, which are the column's own.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MiddleGradient(float* from, nint step, out Vector512<float> r1, out Vector512<float> r2, out Vector512<float> r3)
    {
        Vector512<float> y0 = Vector512.Load(from), y1 = Vector512.Load(from + step);
        Vector512<float> y2 = Vector512.Load(from + 2 * step), y3 = Vector512.Load(from + 3 * step);
        MiddleGradient(y0, y1, y2, y3, out r1, out r2, out r3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MiddleGradient(
        Vector512<float> y0, Vector512<float> y1, Vector512<float> y2, Vector512<float> y3,
        out Vector512<float> r1, out Vector512<float> r2, out Vector512<float> r3)
    {
        Vector512<float> even = y0 + y2, odd = y1 + y3, two = Vector512.Create(2f);
        r1 = even + odd;
        r2 = even - odd;
        r3 = Vector512.FusedMultiplyAdd(
            Vector512.FusedMultiplyAdd(y3, two, y2), Vector512.Create(4f), Vector512.FusedMultiplyAdd(y1, two, y0));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Gradient(
        Vector512<float> y0, Vector512<float> y1, Vector512<float> y2, Vector512<float> y3, float* to, nint distance)
    {
        MiddleGradient(y0, y1, y2, y3, out Vector512<float> r1, out Vector512<float> r2, out Vector512<float> r3);
        y0.Store(to);
        r1.Store(to + distance);
        r2.Store(to + 2 * distance);
        r3.Store(to + 3 * distance);
        y3.Store(to + 4 * distance);
    }

    // The four rows that Aᵀ makes of a column of numbers.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Output(
        float* from, nint distance,
        out Vector512<float> r0, out Vector512<float> r1, out Vector512<float> r2, out Vector512<float> r3)
    {
        nint step = Side * distance;
        Output(
            Vector512.Load(from), Vector512.Load(from + step), Vector512.Load(from + 2 * step), Vector512.Load(from + 3 * step),
            Vector512.Load(from + 4 * step), out r0, out r1, out r2, out r3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Output(
        Vector512<float> m0, Vector512<float> m1, Vector512<float> m2, Vector512<float> m3, Vector512<float> m4,
        out Vector512<float> r0, out Vector512<float> r1, out Vector512<float> r2, out Vector512<float> r3)
    {
        Vector512<float> sum = m1 + m2, difference = m1 - m2;
        r0 = m0 + sum + m3;
        r1 = Vector512.FusedMultiplyAdd(m3, Vector512.Create(2f), difference);
        r2 = Vector512.FusedMultiplyAdd(m3, Vector512.Create(4f), sum);
        r3 = Vector512.FusedMultiplyAdd(m3, Vector512.Create(8f), difference) + m4;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Output(
        Vector512<float> m0, Vector512<float> m1, Vector512<float> m2, Vector512<float> m3, Vector512<float> m4,
        Vector512<float> bias, float* to, nint column)
    {
        Output(
            m0, m1, m2, m3, m4,
            out Vector512<float> r0, out Vector512<float> r1, out Vector512<float> r2, out Vector512<float> r3);
        (r0 + bias).Store(to);
        (r1 + bias).Store(to + column);
        (r2 + bias).Store(to + 2 * column);
        (r3 + bias).Store(to + 3 * column);
    }

    private static void Filter(float* from, nint step, float* to, nint distance)
    {
        Vector512<float> g0 = Vector512.Load(from), g1 = Vector512.Load(from + step);
        (g0 * 0.5f).Store(to);
        ((g0 + g1) * -0.5f).Store(to + distance);
        ((g1 - g0) * Sixth).Store(to + 2 * distance);
        ((g0 + g1 * 2) * Sixth).Store(to + 3 * distance);
        g1.Store(to + 4 * distance);
    }

    private static void FilterGradient(float* from, nint step, float* to, nint distance)
    {
        Vector512<float> u0 = Vector512.Load(from), u1 = Vector512.Load(from + step), u2 = Vector512.Load(from + 2 * step);
        Vector512<float> u3 = Vector512.Load(from + 3 * step), u4 = Vector512.Load(from + 4 * step);
        ((u0 - u1) * 0.5f + (u3 - u2) * Sixth).Store(to);
        (u1 * -0.5f + u2 * Sixth + u3 * Third + u4).Store(to + distance);
    }
}
