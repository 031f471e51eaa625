using System.Numerics;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>Sums over the pixels of a channel.</summary>
internal static unsafe class PlaneSums
{
    private static int Lanes => Vector<float>.Count;

    /// <summary>Σ x</summary>
    public static double Sum(float* x, int count)
    {
        Vector<float> a = Vector<float>.Zero, b = Vector<float>.Zero;
        int i = 0;
        for (; i <= count - 2 * Lanes; i += 2 * Lanes)
        {
            a += Vector.Load(x + i);
            b += Vector.Load(x + i + Lanes);
        }

        double sum = Vector.Sum(a + b);
        for (; i < count; i++)
            sum += x[i];
        return sum;
    }

    /// <summary>Σ (x + shift)²</summary>
    public static double SquareSum(float* x, int count, float shift)
    {
        Vector<float> a = Vector<float>.Zero, b = Vector<float>.Zero, shifts = new(shift);
        int i = 0;
        for (; i <= count - 2 * Lanes; i += 2 * Lanes)
        {
            Vector<float> first = Vector.Load(x + i) + shifts, second = Vector.Load(x + i + Lanes) + shifts;
            a += first * first;
            b += second * second;
        }

        double sum = Vector.Sum(a + b);
        for (; i < count; i++)
            sum += (double)(x[i] + shift) * (x[i] + shift);
        return sum;
    }
}
