using System.Numerics;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// Cross-entropy of rows of logits, −log softmax(x)[target]. Nothing is kept but each row's largest logit and the logarithm of its sum of
/// exponentials: the backward pass computes the probabilities again, into the gradient. A row is one thread's work.
/// </summary>
internal static unsafe class CrossEntropyKernel
{
    private static int Lanes => Vector<float>.Count;

    /// <summary>Computes the losses, 0 where a row has no target, and the logarithms of the sums.</summary>
    public static void Forward(CrossEntropyWork work) => ThreadTeam.Run(work.Rows, work.Classes, &work, &Forward);

    /// <summary>Computes the gradient of the logits.</summary>
    public static void Backward(CrossEntropyWork work) => ThreadTeam.Run(work.Rows, work.Classes, &work, &Backward);

    // Here the elements are rows.
    private static void Forward(void* state, long start, long end)
    {
        CrossEntropyWork work = *(CrossEntropyWork*)state;
        for (long row = start; row < end; row++)
        {
            long target = work.Targets[row];
            if (target == work.NoTarget)
            {
                work.Losses[row] = 0;
                continue;
            }

            float* x = work.Logits + row * work.Classes;
            float max = Max(x, work.Classes);
            float logSum = (float)Math.Log(ExpSum(x, work.Classes, max));
            (work.Maxima[row], work.LogSums[row]) = (max, logSum);
            work.Losses[row] = max - x[target] + logSum;
        }
    }

    // Here the elements are rows.
    private static void Backward(void* state, long start, long end)
    {
        CrossEntropyWork work = *(CrossEntropyWork*)state;
        for (long row = start; row < end; row++)
        {
            float* x = work.Logits + row * work.Classes, gradient = work.LogitGradients + row * work.Classes;
            long target = work.Targets[row];
            float factor = work.LossGradients[row];
            if (target == work.NoTarget)
            {
                new Span<float>(gradient, work.Classes).Clear();
                continue;
            }

            Vector<float> factors = new(factor), maxima = new(work.Maxima[row]), logSums = new(work.LogSums[row]);
            int i = 0;
            for (; i <= work.Classes - Lanes; i += Lanes)
                (VectorMath.Exp(Vector.Load(x + i) - maxima - logSums) * factors).Store(gradient + i);
            for (; i < work.Classes; i++)
                gradient[i] = Exp(x[i] - work.Maxima[row] - work.LogSums[row]) * factor;
            gradient[target] -= factor;
        }
    }

    private static float Max(float* x, int count)
    {
        float max = float.NegativeInfinity;
        int i = 0;
        if (count >= Lanes)
        {
            Vector<float> all = Vector.Load(x);
            for (i = Lanes; i <= count - Lanes; i += Lanes)
                all = Vector.Max(all, Vector.Load(x + i));
            max = VectorMath.Max(all);
        }

        for (; i < count; i++)
            max = MathF.Max(max, x[i]);
        return max;
    }

    private static double ExpSum(float* x, int count, float max)
    {
        Vector<float> maxima = new(max), sums = Vector<float>.Zero;
        int i = 0;
        for (; i <= count - Lanes; i += Lanes)
            sums += VectorMath.Exp(Vector.Load(x + i) - maxima);
        double sum = VectorMath.Sum(sums);
        for (; i < count; i++)
            sum += Exp(x[i] - max);
        return sum;
    }

    private static float Exp(float x) => VectorMath.Exp(new Vector<float>(x))[0];
}
