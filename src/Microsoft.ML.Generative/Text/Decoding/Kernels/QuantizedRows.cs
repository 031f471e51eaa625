using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>
/// Rows of x as 8-bit integers with a scale for each block of 32, as llama.cpp has them: x = q d, d = max |x| / 127. A last block that is
/// short is filled up with zeros. Every processor computes the same numbers.
/// </summary>
internal sealed unsafe class QuantizedRows : IDisposable
{
    /// <summary>Values of a block.</summary>
    public const int BlockSize = 32;

    // Below this, 1 / d would be infinite.
    private const float Smallest = 1e-30f;

    private readonly FloatBuffer _codes;
    private readonly FloatBuffer _scales;
    private readonly FloatBuffer _sums;

    /// <param name="rows">Rows, at most.</param>
    /// <param name="inputs">Values of a row, at most.</param>
    public QuantizedRows(int rows, int inputs)
    {
        long blocks = checked((long)rows * BlocksOf(inputs));
        _codes = new FloatBuffer(blocks * BlockSize / sizeof(float));
        _scales = new FloatBuffer(blocks);
        _sums = new FloatBuffer(blocks);
    }

    /// <summary>Blocks of a row.</summary>
    public int Blocks { get; private set; }

    /// <summary>The integers of a row.</summary>
    public sbyte* Codes(int row) => (sbyte*)_codes.Start + (long)row * Blocks * BlockSize;

    /// <summary>The scales of a row's blocks.</summary>
    public float* Scales(int row) => _scales.Start + (long)row * Blocks;

    /// <summary>The sums of the integers of a row's blocks.</summary>
    public int* Sums(int row) => (int*)_sums.Start + (long)row * Blocks;

    public static int BlocksOf(int inputs) => (inputs + BlockSize - 1) / BlockSize;

    /// <summary>Takes rows in place of those before.</summary>
    /// <param name="x">[rows, stride].</param>
    /// <param name="stride">Floats from a row to the next.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="inputs">Values of a row.</param>
    public void Take(float* x, int stride, int rows, int inputs)
    {
        Blocks = BlocksOf(inputs);
        float* rest = stackalloc float[BlockSize];
        for (int row = 0; row < rows; row++)
        {
            float* values = x + (long)row * stride;
            sbyte* codes = Codes(row);
            float* scales = Scales(row);
            int* sums = Sums(row);
            int whole = inputs / BlockSize;
            for (int b = 0; b < whole; b++)
                TakeBlock(values + b * BlockSize, codes + b * BlockSize, scales + b, sums + b);
            if (whole == Blocks)
                continue;
            new Span<float>(rest, BlockSize).Clear();
            new ReadOnlySpan<float>(values + whole * BlockSize, inputs - whole * BlockSize).CopyTo(new Span<float>(rest, BlockSize));
            TakeBlock(rest, codes + whole * BlockSize, scales + whole, sums + whole);
        }
    }

    public void Dispose()
    {
        _codes.Dispose();
        _scales.Dispose();
        _sums.Dispose();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TakeBlock(float* x, sbyte* codes, float* scale, int* sum)
    {
        Vector256<float> a = Vector256.Load(x), b = Vector256.Load(x + 8), c = Vector256.Load(x + 16), d = Vector256.Load(x + 24);
        Vector256<float> magnitudes = Vector256.Max(
            Vector256.Max(Vector256.Abs(a), Vector256.Abs(b)), Vector256.Max(Vector256.Abs(c), Vector256.Abs(d)));
        Vector128<float> four = Vector128.Max(magnitudes.GetLower(), magnitudes.GetUpper());
        float most = MathF.Max(MathF.Max(four[0], four[1]), MathF.Max(four[2], four[3]));
        bool isZero = most < Smallest;
        float step = isZero ? 0 : most / 127;
        Vector256<float> inverse = Vector256.Create(isZero ? 0 : 1 / step);
        Vector256<int> q0 = Round(a * inverse), q1 = Round(b * inverse), q2 = Round(c * inverse), q3 = Round(d * inverse);
        Vector256<sbyte> all = Vector256.Narrow(Vector256.Narrow(q0, q1), Vector256.Narrow(q2, q3));
        all.Store(codes);
        *scale = step;
        *sum = Vector256.Sum(q0 + q1 + (q2 + q3));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Round(Vector256<float> x) => Vector256.ConvertToInt32(Vector256.Round(x));
}
