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

    private static Vector512<float> Five => Vector512.Create(5f);

    private static Vector512<float> Eight => Vector512.Create(8f);

    private static Vector512<float> Sixth => Vector512.Create(1f / 6);

    private static Vector512<float> Twelfth => Vector512.Create(1f / 12);

    private static Vector512<float> Quarter => Vector512.Create(0.25f);

    private static Vector512<float> TwentyFourth => Vector512.Create(1f / 24);

    /// <summary>Bᵀ d B: 6×6 pixels to 36 numbers.</summary>
    /// <param name="pixels">The first pixel's 16 channels; those of its neighbors to the right follow.</param>
    /// <param name="row">Floats between rows of pixels.</param>
    /// <param name="between">Memory for 36 · 16 floats.</param>
    /// <param name="points">Where the first number belongs.</param>
    /// <param name="distance">Floats between the numbers.</param>
    public static void Input(float* pixels, nint row, float* between, float* points, nint distance)
    {
        for (int j = 0; j < Side; j++)
            Input(pixels + j * Lanes, row, between + j * Lanes, Side * Lanes);
        for (int i = 0; i < Side; i++)
            Input(between + i * Side * Lanes, Lanes, points + i * Side * distance, distance);
    }

    /// <summary>A y Aᵀ: the gradient of 4×4 outputs to 36 numbers.</summary>
    /// <inheritdoc cref="Input(float*, nint, float*, float*, nint)"/>
    public static void Gradient(float* pixels, nint row, float* between, float* points, nint distance)
    {
        for (int j = 0; j < Tile; j++)
            Gradient(pixels + j * Lanes, row, between + j * Lanes, Tile * Lanes);
        for (int i = 0; i < Side; i++)
            Gradient(between + i * Tile * Lanes, Lanes, points + i * Side * distance, distance);
    }

    /// <summary>Aᵀ m A + b: 36 numbers to 4×4 outputs.</summary>
    /// <param name="points">The first number.</param>
    /// <param name="distance">Floats between the numbers.</param>
    /// <param name="bias">What is added.</param>
    /// <param name="between">Memory for 24 · 16 floats.</param>
    /// <param name="pixels">The first output's 16 channels; those of its neighbors to the right follow.</param>
    /// <param name="row">Floats between rows of outputs.</param>
    public static void Output(float* points, nint distance, Vector512<float> bias, float* between, float* pixels, nint row)
    {
        for (int j = 0; j < Side; j++)
            Output(points + j * distance, Side * distance, Vector512<float>.Zero, between + j * Lanes, Side * Lanes);
        for (int i = 0; i < Tile; i++)
            Output(between + i * Side * Lanes, Lanes, bias, pixels + i * row, Lanes);
    }

    /// <summary>G g Gᵀ: a 3×3 kernel to 36 numbers.</summary>
    /// <param name="kernel">[3, 3, 16].</param>
    /// <param name="between">Memory for 18 · 16 floats.</param>
    /// <param name="points">Where the first number belongs.</param>
    /// <param name="distance">Floats between the numbers.</param>
    public static void Filter(float* kernel, float* between, float* points, nint distance)
    {
        for (int j = 0; j < 3; j++)
            Filter(kernel + j * Lanes, 3 * Lanes, between + j * Lanes, 3 * Lanes);
        for (int i = 0; i < Side; i++)
            Filter(between + i * 3 * Lanes, Lanes, points + i * Side * distance, distance);
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

    private static void Input(float* from, nint step, float* to, nint distance)
    {
        Vector512<float> d0 = Vector512.Load(from), d1 = Vector512.Load(from + step), d2 = Vector512.Load(from + 2 * step);
        Vector512<float> d3 = Vector512.Load(from + 3 * step), d4 = Vector512.Load(from + 4 * step), d5 = Vector512.Load(from + 5 * step);
        Vector512<float> odd = d3 - d1, even = d4 - d2;
        (d0 * Four - d2 * Five + d4).Store(to);
        (d3 + d4 - (d1 + d2) * Four).Store(to + distance);
        (d4 - d3 + (d1 - d2) * Four).Store(to + 2 * distance);
        (even + odd * Two).Store(to + 3 * distance);
        (even - odd * Two).Store(to + 4 * distance);
        (d1 * Four - d3 * Five + d5).Store(to + 5 * distance);
    }

    private static void Gradient(float* from, nint step, float* to, nint distance)
    {
        Vector512<float> y0 = Vector512.Load(from), y1 = Vector512.Load(from + step);
        Vector512<float> y2 = Vector512.Load(from + 2 * step), y3 = Vector512.Load(from + 3 * step);
        Vector512<float> even = y0 + y2, odd = y1 + y3;
        y0.Store(to);
        (even + odd).Store(to + distance);
        (even - odd).Store(to + 2 * distance);
        even = y0 + y2 * Four;
        odd = y1 * Two + y3 * Eight;
        (even + odd).Store(to + 3 * distance);
        (even - odd).Store(to + 4 * distance);
        y3.Store(to + 5 * distance);
    }

    private static void Output(float* from, nint step, Vector512<float> bias, float* to, nint distance)
    {
        Vector512<float> m0 = Vector512.Load(from), m1 = Vector512.Load(from + step), m2 = Vector512.Load(from + 2 * step);
        Vector512<float> m3 = Vector512.Load(from + 3 * step), m4 = Vector512.Load(from + 4 * step), m5 = Vector512.Load(from + 5 * step);
        Vector512<float> sum12 = m1 + m2, difference12 = m1 - m2, sum34 = m3 + m4, difference34 = m3 - m4;
        (m0 + sum12 + sum34 + bias).Store(to);
        (difference12 + difference34 * Two + bias).Store(to + distance);
        (sum12 + sum34 * Four + bias).Store(to + 2 * distance);
        (difference12 + difference34 * Eight + m5 + bias).Store(to + 3 * distance);
    }

    private static void Filter(float* from, nint step, float* to, nint distance)
    {
        Vector512<float> g0 = Vector512.Load(from), g1 = Vector512.Load(from + step), g2 = Vector512.Load(from + 2 * step);
        Vector512<float> outer = (g0 + g2) * Sixth, middle = g1 * Sixth;
        (g0 * Quarter).Store(to);
        (-(outer + middle)).Store(to + distance);
        (middle - outer).Store(to + 2 * distance);
        outer = g0 * TwentyFourth + g2 * Sixth;
        middle = g1 * Twelfth;
        (outer + middle).Store(to + 3 * distance);
        (outer - middle).Store(to + 4 * distance);
        g2.Store(to + 5 * distance);
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
}
