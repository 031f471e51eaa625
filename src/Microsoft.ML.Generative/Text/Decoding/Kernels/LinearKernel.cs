using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Microsoft.ML.Generative.Runtime.Kernels;

namespace Microsoft.ML.Generative.Text.Decoding.Kernels;

/// <summary>
/// y = W x + b for several x at once, so that each weight is read once. An output is always the same sum in the same order, whatever other
/// rows and outputs are computed with it: products are added up in the lanes of one vector, and the lanes at the end.
/// </summary>
/// <typeparam name="T">What weights are stored as: one of the types of <see cref="FloatWeights"/>.</typeparam>
/// <param name="weights">[outputs, inputs].</param>
/// <param name="bias">[outputs], or null.</param>
/// <param name="outputs">Values of y.</param>
/// <param name="inputs">Values of x.</param>
internal readonly unsafe struct LinearKernel<T>(T* weights, float* bias, int outputs, int inputs)
    where T : unmanaged
{
    private const int Together = FloatWeights.Together;

    // This number of weights is not in the nearest caches any more when they are read again.
    private const int FarWeights = 1 << 16;

    public int Outputs => outputs;

    public int Inputs => inputs;

    /// <summary>Some of the outputs of all rows.</summary>
    /// <param name="x">[rows, stride].</param>
    /// <param name="xStride">Floats from a row of x to the next.</param>
    /// <param name="y">[rows, stride].</param>
    /// <param name="yStride">Floats from a row of y to the next.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="from">The first output.</param>
    /// <param name="to">The one after the last.</param>
    /// <param name="isAdded">Whether the outputs are added to y rather than put there.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Apply(float* x, int xStride, float* y, int yStride, int rows, int from, int to, bool isAdded)
    {
        if (inputs < Vector<float>.Count)
        {
            ApplyToNarrow(x, xStride, y, yStride, rows, from, to, isAdded);
            return;
        }

        nint ahead = FloatsAhead;
        for (int o = from; o < to; o += Together)
        {
            int count = Math.Min(Together, to - o), row = 0;
            for (; HasEightRows && row + 8 <= rows; row += 8)
            {
                nint asked = row == 0 ? ahead : 0;
                EightRows(x + (long)row * xStride, xStride, y + (long)row * yStride, yStride, o, Math.Min(count, 4), isAdded, asked);
                if (count > 4)
                    EightRows(x + (long)row * xStride, xStride, y + (long)row * yStride, yStride, o + 4, count - 4, isAdded, asked);
            }

            for (; row + 4 <= rows; row += 4)
            {
                // The first rows wait for the weights, so they ask for the next.
                nint asked = row == 0 ? ahead : 0;
                FourRows(x + (long)row * xStride, xStride, y + (long)row * yStride, yStride, o, Math.Min(count, 4), isAdded, asked);
                if (count > 4)
                    FourRows(x + (long)row * xStride, xStride, y + (long)row * yStride, yStride, o + 4, count - 4, isAdded, asked);
            }

            for (; row < rows; row++)
                OneRow(x + (long)row * xStride, y + (long)row * yStride, o, count, isAdded, row == 0 ? ahead : 0);
        }
    }

    // Pointers to outputs that do not exist are those of the last: the loops need no cases.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void OneRow(float* x, float* y, int output, int count, bool isAdded, nint ahead)
    {
        int last = count - 1, length = inputs;
        T* w0 = weights + (long)output * length;
        T* w1 = w0 + (long)Math.Min(1, last) * length;
        T* w2 = w0 + (long)Math.Min(2, last) * length, w3 = w0 + (long)Math.Min(3, last) * length;
        T* w4 = w0 + (long)Math.Min(4, last) * length, w5 = w0 + (long)Math.Min(5, last) * length;
        T* w6 = w0 + (long)Math.Min(6, last) * length, w7 = w0 + (long)Math.Min(7, last) * length;
        Vector<float> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default, s6 = default, s7 = default;
        int end = length - Vector<float>.Count;
        T* next = w0 + ahead;
        nint i = 0;
        for (; i <= end; i += Vector<float>.Count)
        {
            Vector<float> v = Vector.Load(x + i);
            if (ahead > 0)
            {
                FetchAhead(next);
                if (sizeof(T) == sizeof(float))
                    FetchAhead(next + 4 * Vector<float>.Count);
                next += Together * Vector<float>.Count;
            }

            s0 = Vector.FusedMultiplyAdd(FloatWeights.Load(w0 + i), v, s0);
            s1 = Vector.FusedMultiplyAdd(FloatWeights.Load(w1 + i), v, s1);
            s2 = Vector.FusedMultiplyAdd(FloatWeights.Load(w2 + i), v, s2);
            s3 = Vector.FusedMultiplyAdd(FloatWeights.Load(w3 + i), v, s3);
            s4 = Vector.FusedMultiplyAdd(FloatWeights.Load(w4 + i), v, s4);
            s5 = Vector.FusedMultiplyAdd(FloatWeights.Load(w5 + i), v, s5);
            s6 = Vector.FusedMultiplyAdd(FloatWeights.Load(w6 + i), v, s6);
            s7 = Vector.FusedMultiplyAdd(FloatWeights.Load(w7 + i), v, s7);
        }

        if (i < length)
        {
            Vector<float> v = Rest(x, end, (int)i);
            s0 = Vector.FusedMultiplyAdd(FloatWeights.Load(w0 + end), v, s0);
            s1 = Vector.FusedMultiplyAdd(FloatWeights.Load(w1 + end), v, s1);
            s2 = Vector.FusedMultiplyAdd(FloatWeights.Load(w2 + end), v, s2);
            s3 = Vector.FusedMultiplyAdd(FloatWeights.Load(w3 + end), v, s3);
            s4 = Vector.FusedMultiplyAdd(FloatWeights.Load(w4 + end), v, s4);
            s5 = Vector.FusedMultiplyAdd(FloatWeights.Load(w5 + end), v, s5);
            s6 = Vector.FusedMultiplyAdd(FloatWeights.Load(w6 + end), v, s6);
            s7 = Vector.FusedMultiplyAdd(FloatWeights.Load(w7 + end), v, s7);
        }

        Put(VectorMath.Sums(s0, s1, s2, s3), y, output, Math.Min(count, 4), isAdded);
        if (count > 4)
            Put(VectorMath.Sums(s4, s5, s6, s7), y, output + 4, count - 4, isAdded);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void FourRows(float* x, int xStride, float* y, int yStride, int output, int count, bool isAdded, nint ahead)
    {
        int last = count - 1, length = inputs;
        T* w0 = weights + (long)output * length;
        T* w1 = w0 + (long)Math.Min(1, last) * length;
        T* w2 = w0 + (long)Math.Min(2, last) * length, w3 = w0 + (long)Math.Min(3, last) * length;
        float* x1 = x + xStride, x2 = x1 + xStride, x3 = x2 + xStride;
        Vector<float> a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
        Vector<float> c0 = default, c1 = default, c2 = default, c3 = default, d0 = default, d1 = default, d2 = default, d3 = default;
        int end = length - Vector<float>.Count;
        nint i = 0;
        for (; i <= end; i += Vector<float>.Count)
        {
            Vector<float> a = Vector.Load(x + i), b = Vector.Load(x1 + i), c = Vector.Load(x2 + i), d = Vector.Load(x3 + i);
            if (ahead > 0)
                FetchAhead(w0 + ahead + 4 * i);
            Vector<float> w = FloatWeights.Load(w0 + i);
            a0 = Vector.FusedMultiplyAdd(w, a, a0);
            b0 = Vector.FusedMultiplyAdd(w, b, b0);
            c0 = Vector.FusedMultiplyAdd(w, c, c0);
            d0 = Vector.FusedMultiplyAdd(w, d, d0);
            w = FloatWeights.Load(w1 + i);
            a1 = Vector.FusedMultiplyAdd(w, a, a1);
            b1 = Vector.FusedMultiplyAdd(w, b, b1);
            c1 = Vector.FusedMultiplyAdd(w, c, c1);
            d1 = Vector.FusedMultiplyAdd(w, d, d1);
            w = FloatWeights.Load(w2 + i);
            a2 = Vector.FusedMultiplyAdd(w, a, a2);
            b2 = Vector.FusedMultiplyAdd(w, b, b2);
            c2 = Vector.FusedMultiplyAdd(w, c, c2);
            d2 = Vector.FusedMultiplyAdd(w, d, d2);
            w = FloatWeights.Load(w3 + i);
            a3 = Vector.FusedMultiplyAdd(w, a, a3);
            b3 = Vector.FusedMultiplyAdd(w, b, b3);
            c3 = Vector.FusedMultiplyAdd(w, c, c3);
            d3 = Vector.FusedMultiplyAdd(w, d, d3);
        }

        if (i < length)
        {
            int known = (int)i;
            Vector<float> a = Rest(x, end, known), b = Rest(x1, end, known), c = Rest(x2, end, known), d = Rest(x3, end, known);
            Vector<float> w = FloatWeights.Load(w0 + end);
            a0 = Vector.FusedMultiplyAdd(w, a, a0);
            b0 = Vector.FusedMultiplyAdd(w, b, b0);
            c0 = Vector.FusedMultiplyAdd(w, c, c0);
            d0 = Vector.FusedMultiplyAdd(w, d, d0);
            w = FloatWeights.Load(w1 + end);
            a1 = Vector.FusedMultiplyAdd(w, a, a1);
            b1 = Vector.FusedMultiplyAdd(w, b, b1);
            c1 = Vector.FusedMultiplyAdd(w, c, c1);
            d1 = Vector.FusedMultiplyAdd(w, d, d1);
            w = FloatWeights.Load(w2 + end);
            a2 = Vector.FusedMultiplyAdd(w, a, a2);
            b2 = Vector.FusedMultiplyAdd(w, b, b2);
            c2 = Vector.FusedMultiplyAdd(w, c, c2);
            d2 = Vector.FusedMultiplyAdd(w, d, d2);
            w = FloatWeights.Load(w3 + end);
            a3 = Vector.FusedMultiplyAdd(w, a, a3);
            b3 = Vector.FusedMultiplyAdd(w, b, b3);
            c3 = Vector.FusedMultiplyAdd(w, c, c3);
            d3 = Vector.FusedMultiplyAdd(w, d, d3);
        }

        Put(VectorMath.Sums(a0, a1, a2, a3), y, output, count, isAdded);
        Put(VectorMath.Sums(b0, b1, b2, b3), y + yStride, output, count, isAdded);
        Put(VectorMath.Sums(c0, c1, c2, c3), y + 2L * yStride, output, count, isAdded);
        Put(VectorMath.Sums(d0, d1, d2, d3), y + 3L * yStride, output, count, isAdded);
    }

    // Two rows share a vector, so that the sums are those of one row alone.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void EightRows(float* x, int xStride, float* y, int yStride, int output, int count, bool isAdded, nint ahead)
    {
        int last = count - 1, length = inputs;
        T* w0 = weights + (long)output * length;
        T* w1 = w0 + (long)Math.Min(1, last) * length;
        T* w2 = w0 + (long)Math.Min(2, last) * length, w3 = w0 + (long)Math.Min(3, last) * length;
        float* x1 = x + xStride, x2 = x1 + xStride, x3 = x2 + xStride;
        float* x4 = x3 + xStride, x5 = x4 + xStride, x6 = x5 + xStride, x7 = x6 + xStride;
        Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
        Vector512<float> c0 = default, c1 = default, c2 = default, c3 = default, d0 = default, d1 = default, d2 = default, d3 = default;
        int end = length - Vector<float>.Count;
        nint i = 0;
        for (; i <= end; i += Vector<float>.Count)
        {
            if (ahead > 0)
                FetchAhead(w0 + ahead + 4 * i);
            Vector512<float> a = Both(x + i, x1 + i), b = Both(x2 + i, x3 + i), c = Both(x4 + i, x5 + i), d = Both(x6 + i, x7 + i);
            Vector512<float> w = FloatWeights.LoadTwice(w0 + i);
            a0 = Vector512.FusedMultiplyAdd(w, a, a0);
            b0 = Vector512.FusedMultiplyAdd(w, b, b0);
            c0 = Vector512.FusedMultiplyAdd(w, c, c0);
            d0 = Vector512.FusedMultiplyAdd(w, d, d0);
            w = FloatWeights.LoadTwice(w1 + i);
            a1 = Vector512.FusedMultiplyAdd(w, a, a1);
            b1 = Vector512.FusedMultiplyAdd(w, b, b1);
            c1 = Vector512.FusedMultiplyAdd(w, c, c1);
            d1 = Vector512.FusedMultiplyAdd(w, d, d1);
            w = FloatWeights.LoadTwice(w2 + i);
            a2 = Vector512.FusedMultiplyAdd(w, a, a2);
            b2 = Vector512.FusedMultiplyAdd(w, b, b2);
            c2 = Vector512.FusedMultiplyAdd(w, c, c2);
            d2 = Vector512.FusedMultiplyAdd(w, d, d2);
            w = FloatWeights.LoadTwice(w3 + i);
            a3 = Vector512.FusedMultiplyAdd(w, a, a3);
            b3 = Vector512.FusedMultiplyAdd(w, b, b3);
            c3 = Vector512.FusedMultiplyAdd(w, c, c3);
            d3 = Vector512.FusedMultiplyAdd(w, d, d3);
        }

        if (i < length)
        {
            int known = (int)i;
            Vector512<float> a = BothRests(x, x1, end, known), b = BothRests(x2, x3, end, known);
            Vector512<float> c = BothRests(x4, x5, end, known), d = BothRests(x6, x7, end, known);
            Vector512<float> w = FloatWeights.LoadTwice(w0 + end);
            a0 = Vector512.FusedMultiplyAdd(w, a, a0);
            b0 = Vector512.FusedMultiplyAdd(w, b, b0);
            c0 = Vector512.FusedMultiplyAdd(w, c, c0);
            d0 = Vector512.FusedMultiplyAdd(w, d, d0);
            w = FloatWeights.LoadTwice(w1 + end);
            a1 = Vector512.FusedMultiplyAdd(w, a, a1);
            b1 = Vector512.FusedMultiplyAdd(w, b, b1);
            c1 = Vector512.FusedMultiplyAdd(w, c, c1);
            d1 = Vector512.FusedMultiplyAdd(w, d, d1);
            w = FloatWeights.LoadTwice(w2 + end);
            a2 = Vector512.FusedMultiplyAdd(w, a, a2);
            b2 = Vector512.FusedMultiplyAdd(w, b, b2);
            c2 = Vector512.FusedMultiplyAdd(w, c, c2);
            d2 = Vector512.FusedMultiplyAdd(w, d, d2);
            w = FloatWeights.LoadTwice(w3 + end);
            a3 = Vector512.FusedMultiplyAdd(w, a, a3);
            b3 = Vector512.FusedMultiplyAdd(w, b, b3);
            c3 = Vector512.FusedMultiplyAdd(w, c, c3);
            d3 = Vector512.FusedMultiplyAdd(w, d, d3);
        }

        Put(a0, a1, a2, a3, y, yStride, output, count, isAdded);
        Put(b0, b1, b2, b3, y + 2L * yStride, yStride, output, count, isAdded);
        Put(c0, c1, c2, c3, y + 4L * yStride, yStride, output, count, isAdded);
        Put(d0, d1, d2, d3, y + 6L * yStride, yStride, output, count, isAdded);
    }

    private static bool HasEightRows => Vector512.IsHardwareAccelerated && Vector<float>.Count == Vector256<float>.Count;

    // Eight rows in turn are no sequence that the processor would see by itself, yet what follows them in memory are the next eight:
    // while a vector of each is read, as much of those to come is asked for.
    private nint FloatsAhead => (long)outputs * inputs < FarWeights ? 0 : (nint)Together * inputs * (inputs <= 2048 ? 2 : 1);

    // Two cache lines where a vector has eight floats: four vectors of floats, or eight of halves.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FetchAhead(T* next)
    {
        if (!Sse.IsSupported)
            return;
        Sse.Prefetch0(next);
        Sse.Prefetch0((float*)next + 2 * Vector<float>.Count);
    }

    // The last whole vector of x, 0 where it was before.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> Rest(float* x, int start, int known)
    {
        Vector<int> isNew = Vector.GreaterThanOrEqual(Vector.CreateSequence(start, 1), new Vector<int>(known));
        return Vector.ConditionalSelect(isNew, Vector.Load(x + start), Vector<float>.Zero);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Both(float* x0, float* x1) => Vector512.Create(Vector256.Load(x0), Vector256.Load(x1));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> BothRests(float* x0, float* x1, int start, int known) =>
        Vector512.Create(Rest(x0, start, known).AsVector256(), Rest(x1, start, known).AsVector256());

    // Of two rows.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Put(
        Vector512<float> s0, Vector512<float> s1, Vector512<float> s2, Vector512<float> s3, float* y, int yStride, int output, int count,
        bool isAdded)
    {
        Put(
            VectorMath.Sums(
                s0.GetLower().AsVector(), s1.GetLower().AsVector(), s2.GetLower().AsVector(), s3.GetLower().AsVector()),
            y, output, count, isAdded);
        Put(
            VectorMath.Sums(
                s0.GetUpper().AsVector(), s1.GetUpper().AsVector(), s2.GetUpper().AsVector(), s3.GetUpper().AsVector()),
            y + yStride, output, count, isAdded);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Put(Vector128<float> sums, float* y, int output, int count, bool isAdded)
    {
        y += output;
        if (count == 4)
        {
            if (bias is not null)
                sums += Vector128.Load(bias + output);
            if (isAdded)
                sums += Vector128.Load(y);
            sums.Store(y);
            return;
        }

        for (int i = 0; i < count; i++)
        {
            float sum = sums[i];
            if (bias is not null)
                sum += bias[output + i];
            y[i] = isAdded ? sum + y[i] : sum;
        }
    }

    private void ApplyToNarrow(float* x, int xStride, float* y, int yStride, int rows, int from, int to, bool isAdded)
    {
        for (int o = from; o < to; o++)
        {
            for (int row = 0; row < rows; row++)
            {
                float sum = 0;
                for (int i = 0; i < inputs; i++)
                    sum += FloatWeights.Value(weights[(long)o * inputs + i]) * x[(long)row * xStride + i];
                if (bias is not null)
                    sum += bias[o];
                float* target = y + (long)row * yStride + o;
                *target = isAdded ? sum + *target : sum;
            }
        }
    }
}
