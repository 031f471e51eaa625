using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>
/// A weight of 8-bit integers, row after row, with a scale for each output, times <see cref="QuantizedRows"/>. An output is s Σ d Σ q q';
/// products are added up in eight lanes, exactly within a block, then from block to block in fused multiplications and additions of floats,
/// and the lanes at the end.
/// </summary>
/// <param name="codes">[outputs, inputs].</param>
/// <param name="scales">[outputs].</param>
/// <param name="bias">[outputs], or null.</param>
/// <param name="outputs">Values of y.</param>
/// <param name="inputs">Values of x.</param>
/// <param name="path">The instructions.</param>
internal sealed unsafe class Int8Kernel(
    sbyte* codes, float* scales, float* bias, int outputs, int inputs, IntegerPath path) : WeightKernel(outputs, inputs)
{
    private const int BlockSize = QuantizedRows.BlockSize;
    private const int Width = 4;

    public override int Together => 2 * Width;

    public override bool QuantizesInput => true;

    public override void Apply(in KernelInput x, float* y, int yStride, int rows, int from, int to, bool isAdded, float* free)
    {
        switch (path)
        {
            case IntegerPath.AvxVnni:
                Apply<VnniByteDots>(x.Quantized!, y, yStride, rows, from, to, isAdded);
                break;
            case IntegerPath.Avx2:
                Apply<Avx2ByteDots>(x.Quantized!, y, yStride, rows, from, to, isAdded);
                break;
            default:
                Apply<PortableByteDots>(x.Quantized!, y, yStride, rows, from, to, isAdded);
                break;
        }
    }

    public override void ReadRow(int output, float* values)
    {
        sbyte* row = codes + (long)output * Inputs;
        for (int i = 0; i < Inputs; i++)
            values[i] = row[i] * scales[output];
    }

    private void Apply<TDots>(QuantizedRows x, float* y, int yStride, int rows, int from, int to, bool isAdded)
        where TDots : struct, IIntegerDots
    {
        float* results = stackalloc float[4 * Width];
        for (int o = from; o < to; o += Width)
        {
            int count = Math.Min(Width, to - o);
            for (int row = 0; row < rows; row += 4)
            {
                int rowCount = Math.Min(4, rows - row);
                if (rowCount == 4)
                {
                    FourRows<TDots>(x, row, o, count, results);
                }
                else
                {
                    for (int i = 0; i < rowCount; i++)
                        OneRow<TDots>(x, row + i, o, count, results + i * Width);
                }

                for (int i = 0; i < rowCount; i++)
                    Put(results + i * Width, y + (long)(row + i) * yStride, o, count, isAdded);
            }
        }
    }

    // Outputs that do not exist are the last: the loops need no cases.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void OneRow<TDots>(QuantizedRows x, int row, int output, int count, float* results)
        where TDots : struct, IIntegerDots
    {
        sbyte* w0 = codes + (long)output * Inputs, w1 = w0 + (long)Math.Min(1, count - 1) * Inputs;
        sbyte* w2 = w0 + (long)Math.Min(2, count - 1) * Inputs, w3 = w0 + (long)Math.Min(3, count - 1) * Inputs;
        sbyte* q = x.Codes(row);
        float* factors = x.Scales(row);
        Vector256<float> f0 = default, f1 = default, f2 = default, f3 = default;
        for (int b = 0, i = 0; b < x.Blocks; b++, i += BlockSize)
        {
            int length = Math.Min(BlockSize, Inputs - i);
            Vector256<sbyte> v = Vector256.Load(q + i);
            Vector256<int> start = Start<TDots>(v);
            Vector256<float> factor = Vector256.Create(factors[b]);
            f0 = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(TDots.Add(start, Load<TDots>(w0 + i, length), v)), factor, f0);
            f1 = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(TDots.Add(start, Load<TDots>(w1 + i, length), v)), factor, f1);
            f2 = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(TDots.Add(start, Load<TDots>(w2 + i, length), v)), factor, f2);
            f3 = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(TDots.Add(start, Load<TDots>(w3 + i, length), v)), factor, f3);
        }

        (results[0], results[1], results[2], results[3]) = (Sum(f0), Sum(f1), Sum(f2), Sum(f3));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void FourRows<TDots>(QuantizedRows x, int row, int output, int count, float* results)
        where TDots : struct, IIntegerDots
    {
        int blocks = x.Blocks;
        sbyte* q0 = x.Codes(row), q1 = x.Codes(row + 1), q2 = x.Codes(row + 2), q3 = x.Codes(row + 3);
        float* factors = x.Scales(row);
        for (int o = 0; o < Width; o += 2)
        {
            sbyte* w0 = codes + (output + (long)Math.Min(o, count - 1)) * Inputs;
            sbyte* w1 = codes + (output + (long)Math.Min(o + 1, count - 1)) * Inputs;
            Vector256<float> f00 = default, f01 = default, f10 = default, f11 = default;
            Vector256<float> f20 = default, f21 = default, f30 = default, f31 = default;
            for (int b = 0, i = 0; b < blocks; b++, i += BlockSize)
            {
                int length = Math.Min(BlockSize, Inputs - i);
                Vector256<byte> a = Load<TDots>(w0 + i, length), c = Load<TDots>(w1 + i, length);
                Add<TDots>(a, c, Vector256.Load(q0 + i), factors[b], ref f00, ref f01);
                Add<TDots>(a, c, Vector256.Load(q1 + i), factors[b + blocks], ref f10, ref f11);
                Add<TDots>(a, c, Vector256.Load(q2 + i), factors[b + 2 * blocks], ref f20, ref f21);
                Add<TDots>(a, c, Vector256.Load(q3 + i), factors[b + 3 * blocks], ref f30, ref f31);
            }

            (results[o], results[o + 1]) = (Sum(f00), Sum(f01));
            (results[Width + o], results[Width + o + 1]) = (Sum(f10), Sum(f11));
            (results[2 * Width + o], results[2 * Width + o + 1]) = (Sum(f20), Sum(f21));
            (results[3 * Width + o], results[3 * Width + o + 1]) = (Sum(f30), Sum(f31));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<TDots>(
        Vector256<byte> a, Vector256<byte> c, Vector256<sbyte> x, float scale, ref Vector256<float> fa, ref Vector256<float> fc)
        where TDots : struct, IIntegerDots
    {
        Vector256<int> start = Start<TDots>(x);
        Vector256<float> factor = Vector256.Create(scale);
        fa = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(TDots.Add(start, a, x)), factor, fa);
        fc = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(TDots.Add(start, c, x)), factor, fc);
    }

    // What the weights' offset adds, taken away.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Start<TDots>(Vector256<sbyte> x)
        where TDots : struct, IIntegerDots =>
        TDots.Offset == 0 ? Vector256<int>.Zero : -TDots.Add(Vector256<int>.Zero, Vector256.Create((byte)TDots.Offset), x);

    // What follows a row's end is multiplied by 0.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Load<TDots>(sbyte* w, int length)
        where TDots : struct, IIntegerDots
    {
        if (length == BlockSize)
            return TDots.Prepare(Vector256.Load((byte*)w));
        Vector256<byte> padded = default;
        new ReadOnlySpan<byte>(w, length).CopyTo(new Span<byte>(&padded, BlockSize));
        return TDots.Prepare(padded);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Sum(Vector256<float> x)
    {
        Vector128<float> four = x.GetLower() + x.GetUpper();
        return four[0] + four[1] + (four[2] + four[3]);
    }

    private void Put(float* results, float* y, int output, int count, bool isAdded)
    {
        for (int i = 0; i < count; i++)
        {
            float value = results[i] * scales[output + i];
            if (bias is not null)
                value += bias[output + i];
            y[output + i] = isAdded ? value + y[output + i] : value;
        }
    }
}
