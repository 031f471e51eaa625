using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Microsoft.ML.Generative.Layers.Weights;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>
/// A <see cref="PackedBlockWeight"/> times <see cref="QuantizedRows"/>. An output is Σ (d Σ q q') d' over its blocks, from the first to
/// the last, in fused multiplications and additions of floats; the inner sums are exact.
/// </summary>
/// <param name="codes">The weight's codes.</param>
/// <param name="scales">The weight's scales.</param>
/// <param name="isFourBits">Whether codes have 4 bits.</param>
/// <param name="bias">[outputs], or null.</param>
/// <param name="outputs">Values of y.</param>
/// <param name="inputs">Values of x.</param>
/// <param name="path">The instructions.</param>
internal sealed unsafe class BlockKernel(
    byte* codes, Half* scales, bool isFourBits, float* bias, int outputs, int inputs, IntegerPath path) : WeightKernel(outputs, inputs)
{
    private const int BlockSize = PackedBlockWeight.BlockSize;
    private const int Width = PackedBlockWeight.Together;

    private readonly int _blocks = QuantizedRows.BlocksOf(inputs);

    public override int Together => Width;

    public override bool QuantizesInput => true;

    private int GroupBytesOfBlock => Width * BlockSize / (isFourBits ? 2 : 1);

    public override void Apply(in KernelInput x, float* y, int yStride, int rows, int from, int to, bool isAdded, float* free)
    {
        QuantizedRows input = x.Quantized!;
        switch (path, isFourBits)
        {
            case (IntegerPath.AvxVnni, false):
                Apply<VnniByteDots>(input, y, yStride, rows, from, to, isAdded);
                break;
            case (IntegerPath.AvxVnni, true):
                Apply<VnniNibbleDots>(input, y, yStride, rows, from, to, isAdded);
                break;
            case (IntegerPath.Avx2, false):
                Apply<Avx2ByteDots>(input, y, yStride, rows, from, to, isAdded);
                break;
            case (IntegerPath.Avx2, true):
                Apply<Avx2NibbleDots>(input, y, yStride, rows, from, to, isAdded);
                break;
            case (_, false):
                Apply<PortableByteDots>(input, y, yStride, rows, from, to, isAdded);
                break;
            default:
                Apply<PortableNibbleDots>(input, y, yStride, rows, from, to, isAdded);
                break;
        }
    }

    public override void ReadRow(int output, float* values)
    {
        (int group, int within) = Math.DivRem(output, Width);
        byte* from = codes + (long)group * _blocks * GroupBytesOfBlock + 4 * within;
        Half* scale = scales + (long)group * _blocks * Width + within;
        for (int i = 0; i < Inputs; i++)
        {
            (int block, int j) = Math.DivRem(i, BlockSize);
            int place = isFourBits ? j & 15 : j;
            byte code = from[(long)block * GroupBytesOfBlock + place / 4 * 4 * Width + place % 4];
            int value = !isFourBits ? (sbyte)code : (j < 16 ? code & 15 : code >> 4) - 8;
            values[i] = value * (float)scale[block * Width];
        }
    }

    private void Apply<TDots>(QuantizedRows x, float* y, int yStride, int rows, int from, int to, bool isAdded)
        where TDots : struct, IIntegerDots
    {
        float* results = stackalloc float[4 * Width];
        for (int group = from / Width; group * Width < to; group++)
        {
            for (int row = 0; row < rows; row += 4)
            {
                int count = Math.Min(4, rows - row);
                if (count == 4)
                {
                    FourRows<TDots>(x, row, group, results);
                }
                else
                {
                    for (int i = 0; i < count; i++)
                        OneRow<TDots>(x, row + i, group, results + i * Width);
                }

                for (int i = 0; i < count; i++)
                    Put(results + i * Width, y + (long)(row + i) * yStride, group * Width, from, to, isAdded);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void OneRow<TDots>(QuantizedRows x, int row, int group, float* results)
        where TDots : struct, IIntegerDots
    {
        byte* w = codes + (long)group * _blocks * GroupBytesOfBlock;
        Half* d = scales + (long)group * _blocks * Width;
        sbyte* q = x.Codes(row);
        float* factors = x.Scales(row);
        int* sums = x.Sums(row);
        bool isNibbles = isFourBits;
        Vector256<float> f0 = default, f1 = default;
        for (int b = 0; b < _blocks; b++)
        {
            Vector256<int> s0 = Vector256.Create(-TDots.Offset * sums[b]), s1 = s0;
            if (isNibbles)
            {
                for (int step = 0; step < 4; step++)
                {
                    Vector256<byte> w0 = Vector256.Load(w + 64 * step), w1 = Vector256.Load(w + 64 * step + 32);
                    Vector256<sbyte> low = Four(q + 4 * step), high = Four(q + 16 + 4 * step);
                    s0 = TDots.Add(TDots.Add(s0, Low(w0), low), High(w0), high);
                    s1 = TDots.Add(TDots.Add(s1, Low(w1), low), High(w1), high);
                }

                w += Width * BlockSize / 2;
            }
            else
            {
                for (int step = 0; step < 8; step++)
                {
                    Vector256<sbyte> four = Four(q + 4 * step);
                    s0 = TDots.Add(s0, TDots.Prepare(Vector256.Load(w + 64 * step)), four);
                    s1 = TDots.Add(s1, TDots.Prepare(Vector256.Load(w + 64 * step + 32)), four);
                }

                w += Width * BlockSize;
            }

            Vector256<float> factor = Vector256.Create(factors[b]);
            f0 = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(s0) * factor, Floats(d), f0);
            f1 = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(s1) * factor, Floats(d + 8), f1);
            d += Width;
            q += BlockSize;
        }

        f0.Store(results);
        f1.Store(results + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void FourRows<TDots>(QuantizedRows x, int row, int group, float* results)
        where TDots : struct, IIntegerDots
    {
        byte* w = codes + (long)group * _blocks * GroupBytesOfBlock;
        Half* d = scales + (long)group * _blocks * Width;
        sbyte* q0 = x.Codes(row), q1 = x.Codes(row + 1), q2 = x.Codes(row + 2), q3 = x.Codes(row + 3);
        float* factors = x.Scales(row);
        int* sums = x.Sums(row);
        int blocks = _blocks;
        bool isNibbles = isFourBits;
        Vector256<float> f00 = default, f01 = default, f10 = default, f11 = default;
        Vector256<float> f20 = default, f21 = default, f30 = default, f31 = default;
        for (int b = 0; b < blocks; b++)
        {
            Vector256<int> s00 = Vector256.Create(-TDots.Offset * sums[b]), s01 = s00;
            Vector256<int> s10 = Vector256.Create(-TDots.Offset * sums[b + blocks]), s11 = s10;
            Vector256<int> s20 = Vector256.Create(-TDots.Offset * sums[b + 2 * blocks]), s21 = s20;
            Vector256<int> s30 = Vector256.Create(-TDots.Offset * sums[b + 3 * blocks]), s31 = s30;
            if (isNibbles)
            {
                for (int step = 0; step < 4; step++)
                {
                    Vector256<byte> both0 = Vector256.Load(w + 64 * step), both1 = Vector256.Load(w + 64 * step + 32);
                    for (int half = 0; half < 2; half++)
                    {
                        Vector256<byte> w0 = half == 0 ? Low(both0) : High(both0), w1 = half == 0 ? Low(both1) : High(both1);
                        int i = 16 * half + 4 * step;
                        Vector256<sbyte> four = Four(q0 + i);
                        s00 = TDots.Add(s00, w0, four);
                        s01 = TDots.Add(s01, w1, four);
                        four = Four(q1 + i);
                        s10 = TDots.Add(s10, w0, four);
                        s11 = TDots.Add(s11, w1, four);
                        four = Four(q2 + i);
                        s20 = TDots.Add(s20, w0, four);
                        s21 = TDots.Add(s21, w1, four);
                        four = Four(q3 + i);
                        s30 = TDots.Add(s30, w0, four);
                        s31 = TDots.Add(s31, w1, four);
                    }
                }

                w += Width * BlockSize / 2;
            }
            else
            {
                for (int step = 0; step < 8; step++)
                {
                    Vector256<byte> w0 = TDots.Prepare(Vector256.Load(w + 64 * step));
                    Vector256<byte> w1 = TDots.Prepare(Vector256.Load(w + 64 * step + 32));
                    Vector256<sbyte> four = Four(q0 + 4 * step);
                    s00 = TDots.Add(s00, w0, four);
                    s01 = TDots.Add(s01, w1, four);
                    four = Four(q1 + 4 * step);
                    s10 = TDots.Add(s10, w0, four);
                    s11 = TDots.Add(s11, w1, four);
                    four = Four(q2 + 4 * step);
                    s20 = TDots.Add(s20, w0, four);
                    s21 = TDots.Add(s21, w1, four);
                    four = Four(q3 + 4 * step);
                    s30 = TDots.Add(s30, w0, four);
                    s31 = TDots.Add(s31, w1, four);
                }

                w += Width * BlockSize;
            }

            Vector256<float> d0 = Floats(d), d1 = Floats(d + 8), factor = Vector256.Create(factors[b]);
            f00 = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(s00) * factor, d0, f00);
            f01 = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(s01) * factor, d1, f01);
            factor = Vector256.Create(factors[b + blocks]);
            f10 = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(s10) * factor, d0, f10);
            f11 = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(s11) * factor, d1, f11);
            factor = Vector256.Create(factors[b + 2 * blocks]);
            f20 = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(s20) * factor, d0, f20);
            f21 = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(s21) * factor, d1, f21);
            factor = Vector256.Create(factors[b + 3 * blocks]);
            f30 = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(s30) * factor, d0, f30);
            f31 = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(s31) * factor, d1, f31);
            d += Width;
            q0 += BlockSize;
            q1 += BlockSize;
            q2 += BlockSize;
            q3 += BlockSize;
        }

        f00.Store(results);
        f01.Store(results + 8);
        f10.Store(results + 16);
        f11.Store(results + 24);
        f20.Store(results + 32);
        f21.Store(results + 40);
        f30.Store(results + 48);
        f31.Store(results + 56);
    }

    // The outputs from a group's first that are asked for.
    private void Put(float* results, float* y, int first, int from, int to, bool isAdded)
    {
        if (from <= first && first + Width <= to)
        {
            Put(Vector256.Load(results), y + first, first, isAdded);
            Put(Vector256.Load(results + 8), y + first + 8, first + 8, isAdded);
            return;
        }

        int end = Math.Min(first + Width, to);
        for (int o = Math.Max(first, from); o < end; o++)
        {
            float value = results[o - first];
            if (bias is not null)
                value += bias[o];
            y[o] = isAdded ? value + y[o] : value;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Put(Vector256<float> values, float* y, int output, bool isAdded)
    {
        if (bias is not null)
            values += Vector256.Load(bias + output);
        if (isAdded)
            values += Vector256.Load(y);
        values.Store(y);
    }

    // The same four values of x for all outputs.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<sbyte> Four(sbyte* x) => Vector256.Create(*(int*)x).AsSByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Low(Vector256<byte> pairs) => pairs & Vector256.Create((byte)15);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> High(Vector256<byte> pairs) => (pairs.AsUInt16() >> 4).AsByte() & Vector256.Create((byte)15);

    // A half's bits in a float's place have an exponent that is 112 too small; of a subnormal half, whose exponent is 0, the difference to
    // the smallest normal one is exact. Scales are finite.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Floats(Half* halves)
    {
        Vector256<int> bits = Widen(Vector128.Load((short*)halves)) << 13;
        Vector256<int> magnitude = bits & Vector256.Create(0x0FFFE000);
        Vector256<int> normal = magnitude + Vector256.Create(112 << 23);
        Vector256<float> subnormal =
            (magnitude + Vector256.Create(113 << 23)).AsSingle() - Vector256.Create(113 << 23).AsSingle();
        Vector256<int> isSubnormal = Vector256.LessThan(magnitude, Vector256.Create(1 << 23));
        Vector256<int> value = Vector256.ConditionalSelect(isSubnormal, subnormal.AsInt32(), normal);
        return (value | (bits & Vector256.Create(int.MinValue))).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Widen(Vector128<short> x) => Vector256.Create(Vector128.WidenLower(x), Vector128.WidenUpper(x));
}
