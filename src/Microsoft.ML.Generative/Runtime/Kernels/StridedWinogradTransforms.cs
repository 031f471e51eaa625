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

    /// <summary>The most vectors between the two steps of a transformation.</summary>
    public const int Between = Side * (Side + 1);

    private const int Lanes = MatrixKernel.Lanes;
    private const float Sixth = 1 / 6f;
    private const float Third = 1 / 3f;

    /// <summary>Bᵀ d B: 5×5 pixels to 25 numbers.</summary>
    /// <param name="pixels">The first pixel's 16 channels.</param>
    /// <param name="row">Floats from a row of pixels to the next that counts.</param>
    /// <param name="column">Floats from a column to the next that counts.</param>
    /// <param name="between">Memory for 25 · 16 floats.</param>
    /// <param name="points">Where the first number belongs.</param>
    /// <param name="distance">Floats between the numbers.</param>
    public static void Input(float* pixels, nint row, nint column, float* between, float* points, nint distance)
    {
        for (int j = 0; j < Side; j++)
            Input(pixels + j * column, row, between + j * Lanes, Side * Lanes);
        for (int i = 0; i < Side; i++)
            Input(between + i * Side * Lanes, Lanes, points + i * Side * distance, distance);
    }

    /// <summary>The same for 5×5 pixels and for those one to the right of them, which have most columns in common.</summary>
    /// <param name="pixels">The first pixel's 16 channels; those of its neighbors to the right follow.</param>
    /// <param name="row">Floats from a row of pixels to the next.</param>
    /// <param name="between">Memory for 30 · 16 floats.</param>
    /// <param name="left">Where the first number of the left pixels belongs.</param>
    /// <param name="right">The same of the right ones.</param>
    /// <param name="distance">Floats between the numbers.</param>
    public static void InputPair(float* pixels, nint row, float* between, float* left, float* right, nint distance)
    {
        for (int j = 0; j <= Side; j++)
            Input(pixels + j * Lanes, row, between + j * Lanes, (Side + 1) * Lanes);
        for (int i = 0; i < Side; i++)
        {
            float* from = between + i * (Side + 1) * Lanes;
            Input(from, Lanes, left + i * Side * distance, distance);
            Input(from + Lanes, Lanes, right + i * Side * distance, distance);
        }
    }

    /// <summary>A y Aᵀ: the gradient of 4×4 outputs to 25 numbers.</summary>
    /// <param name="pixels">The first output's 16 channels; those of its neighbors to the right follow.</param>
    /// <param name="row">Floats between rows of outputs.</param>
    /// <param name="between">Memory for 20 · 16 floats.</param>
    /// <param name="points">Where the first number belongs.</param>
    /// <param name="distance">Floats between the numbers.</param>
    public static void Gradient(float* pixels, nint row, float* between, float* points, nint distance)
    {
        for (int j = 0; j < Tile; j++)
            Gradient(pixels + j * Lanes, row, between + j * Lanes, Tile * Lanes);
        for (int i = 0; i < Side; i++)
            Gradient(between + i * Tile * Lanes, Lanes, points + i * Side * distance, distance);
    }

    /// <summary>Aᵀ m A + b: 25 numbers to 4×4 outputs.</summary>
    /// <param name="points">The first number.</param>
    /// <param name="distance">Floats between the numbers.</param>
    /// <param name="bias">What is added.</param>
    /// <param name="between">Memory for 20 · 16 floats.</param>
    /// <param name="pixels">The first output's 16 channels.</param>
    /// <param name="row">Floats from a row of outputs to the next.</param>
    /// <param name="column">Floats from a column to the next.</param>
    public static void Output(
        float* points, nint distance, Vector512<float> bias, float* between, float* pixels, nint row, nint column)
    {
        for (int j = 0; j < Side; j++)
            Output(points + j * distance, Side * distance, Vector512<float>.Zero, between + j * Lanes, Side * Lanes);
        for (int i = 0; i < Tile; i++)
            Output(between + i * Side * Lanes, Lanes, bias, pixels + i * row, column);
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

    private static void Input(float* from, nint step, float* to, nint distance)
    {
        Vector512<float> d0 = Vector512.Load(from), d1 = Vector512.Load(from + step), d2 = Vector512.Load(from + 2 * step);
        Vector512<float> d3 = Vector512.Load(from + 3 * step), d4 = Vector512.Load(from + 4 * step);
        Vector512<float> odd = d3 - d1;
        ((d0 - d2) * 2 + odd).Store(to);
        (odd - (d1 + d2)).Store(to + distance);
        (odd + (d1 - d2) * 3).Store(to + 2 * distance);
        odd.Store(to + 3 * distance);
        (d4 - d2 - odd * 2).Store(to + 4 * distance);
    }

    private static void Gradient(float* from, nint step, float* to, nint distance)
    {
        Vector512<float> y0 = Vector512.Load(from), y1 = Vector512.Load(from + step);
        Vector512<float> y2 = Vector512.Load(from + 2 * step), y3 = Vector512.Load(from + 3 * step);
        Vector512<float> even = y0 + y2, odd = y1 + y3;
        y0.Store(to);
        (even + odd).Store(to + distance);
        (even - odd).Store(to + 2 * distance);
        (y0 + y1 * 2 + (y2 + y3 * 2) * 4).Store(to + 3 * distance);
        y3.Store(to + 4 * distance);
    }

    private static void Output(float* from, nint step, Vector512<float> bias, float* to, nint distance)
    {
        Vector512<float> m0 = Vector512.Load(from), m1 = Vector512.Load(from + step), m2 = Vector512.Load(from + 2 * step);
        Vector512<float> m3 = Vector512.Load(from + 3 * step), m4 = Vector512.Load(from + 4 * step);
        Vector512<float> sum = m1 + m2 + bias, difference = m1 - m2 + bias;
        (m0 + sum + m3).Store(to);
        (difference + m3 * 2).Store(to + distance);
        (sum + m3 * 4).Store(to + 2 * distance);
        (difference + m3 * 8 + m4).Store(to + 3 * distance);
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
