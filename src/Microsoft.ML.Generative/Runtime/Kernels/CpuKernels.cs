using System.Numerics;
using TorchSharp;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// The kernels of <see cref="OptimizerKernels"/> in vector instructions over the tensors' memory. Every element is computed by the same
/// operations wherever it stands, so that an optimizer's result depends on neither vector width nor threads. State that has decayed becomes
/// 0 (<see cref="TinyValues"/>).
/// </summary>
internal static unsafe class CpuKernels
{
    public static bool CanUse(torch.Tensor tensor) => tensor.device_type == DeviceType.CPU && tensor.dtype == torch.ScalarType.Float32;

    public static void Adam(torch.Tensor weights, torch.Tensor gradients, torch.Tensor m, torch.Tensor v, in AdamStep step)
    {
        long count = weights.numel();
        var work = new AdamWork
        {
            Weights = Start(weights, count),
            Gradients = Start(gradients, count),
            Means = Start(m, count),
            Squares = Start(v, count),
            Beta1Rest = (float)(1 - step.Beta1),
            Beta2 = (float)step.Beta2,
            Beta2Rest = (float)(1 - step.Beta2),
            // Squares of gradients up to this magnitude would be subnormal.
            SmallestGradient = MathF.Sqrt(TinyValues.SmallestNormal / (float)(1 - step.Beta2)),
            Scale = (float)step.SecondMomentScale,
            Epsilon = (float)step.Epsilon,
            StepSize = (float)step.StepSize,
            Keep = step.IsDecoupled ? (float)(1 - step.LearningRate * step.WeightDecay) : 1,
            Decay = step.IsDecoupled ? 0 : (float)step.WeightDecay,
        };
        ThreadTeam.Run(count, 1, &work, &Adam);
    }

    public static void Sgd(torch.Tensor weights, torch.Tensor gradients, torch.Tensor momentum, in SgdStep step)
    {
        long count = weights.numel();
        var work = new SgdWork
        {
            Weights = Start(weights, count),
            Gradients = Start(gradients, count),
            Velocities = Start(momentum, count),
            LearningRate = (float)step.LearningRate,
            Momentum = step.Step == 1 ? 0 : (float)step.Momentum,
            Decay = (float)step.WeightDecay,
        };
        ThreadTeam.Run(count, 1, &work, &Sgd);
    }

    public static void Ema(torch.Tensor average, torch.Tensor weights, double decay)
    {
        long count = average.numel();
        var work = new EmaWork { Averages = Start(average, count), Weights = Start(weights, count), Rest = (float)(1 - decay) };
        ThreadTeam.Run(count, 1, &work, &Ema);
    }

    public static void FlushSubnormals(torch.Tensor values)
    {
        long count = values.numel();
        float* x = Start(values, count);

        long i = 0;
        var smallest = new Vector<float>(TinyValues.SmallestNormal);
        for (; i <= count - Vector<float>.Count; i += Vector<float>.Count)
            TinyValues.Flush(Vector.Load(x + i), smallest).Store(x + i);
        for (; i < count; i++)
            x[i] = TinyValues.Flush(x[i], TinyValues.SmallestNormal);
    }

    // Products of floats are exact in double, so large buffers lose nothing; and blocks are summed in their order, whoever sums them.
    public static double Norm(torch.Tensor values)
    {
        const int Block = 1 << 14;
        long count = values.numel();
        var sums = new double[(count + Block - 1) / Block];
        fixed (double* sum = sums)
        {
            var work = new NormWork { Values = Start(values, count), Count = count, Block = Block, Sums = sum };
            ThreadTeam.Run(sums.Length, Block, &work, &Norm);
        }

        return Math.Sqrt(sums.Sum());
    }

    private static void Adam(void* state, long start, long end)
    {
        AdamWork work = *(AdamWork*)state;
        float* w = work.Weights, g = work.Gradients, first = work.Means, second = work.Squares;

        long i = start;
        var epsilons = new Vector<float>(work.Epsilon);
        var smallest = new Vector<float>(TinyValues.Smallest);
        var smallestSquare = new Vector<float>(TinyValues.SmallestNormal);
        var smallestGradient = new Vector<float>(work.SmallestGradient);
        for (; i <= end - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> weight = Vector.Load(w + i);
            Vector<float> gradient = Vector.Load(g + i) + weight * work.Decay;
            Vector<float> mean = Vector.Load(first + i);
            mean = TinyValues.Flush(mean + (gradient - mean) * work.Beta1Rest, smallest);
            gradient = TinyValues.Flush(gradient, smallestGradient);
            Vector<float> square = Vector.Load(second + i) * work.Beta2 + gradient * gradient * work.Beta2Rest;
            square = TinyValues.Flush(square, smallestSquare);
            mean.Store(first + i);
            square.Store(second + i);
            weight = weight * work.Keep - mean / (Vector.SquareRoot(square) * work.Scale + epsilons) * work.StepSize;
            TinyValues.Flush(weight, smallest).Store(w + i);
        }

        for (; i < end; i++)
        {
            float gradient = g[i] + w[i] * work.Decay;
            first[i] = TinyValues.Flush(first[i] + (gradient - first[i]) * work.Beta1Rest, TinyValues.Smallest);
            gradient = TinyValues.Flush(gradient, work.SmallestGradient);
            second[i] = TinyValues.Flush(second[i] * work.Beta2 + gradient * gradient * work.Beta2Rest, TinyValues.SmallestNormal);
            float weight = w[i] * work.Keep - first[i] / (MathF.Sqrt(second[i]) * work.Scale + work.Epsilon) * work.StepSize;
            w[i] = TinyValues.Flush(weight, TinyValues.Smallest);
        }
    }

    private static void Sgd(void* state, long start, long end)
    {
        SgdWork work = *(SgdWork*)state;
        float* w = work.Weights, g = work.Gradients, velocity = work.Velocities;

        long i = start;
        var smallest = new Vector<float>(TinyValues.Smallest);
        for (; i <= end - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> weight = Vector.Load(w + i);
            Vector<float> next = Vector.Load(velocity + i) * work.Momentum + (Vector.Load(g + i) + weight * work.Decay);
            next = TinyValues.Flush(next, smallest);
            next.Store(velocity + i);
            TinyValues.Flush(weight - next * work.LearningRate, smallest).Store(w + i);
        }

        for (; i < end; i++)
        {
            velocity[i] = TinyValues.Flush(velocity[i] * work.Momentum + (g[i] + w[i] * work.Decay), TinyValues.Smallest);
            w[i] = TinyValues.Flush(w[i] - velocity[i] * work.LearningRate, TinyValues.Smallest);
        }
    }

    private static void Ema(void* state, long start, long end)
    {
        EmaWork work = *(EmaWork*)state;
        float* a = work.Averages, w = work.Weights;

        long i = start;
        var smallest = new Vector<float>(TinyValues.Smallest);
        for (; i <= end - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> before = Vector.Load(a + i);
            TinyValues.Flush(before + (Vector.Load(w + i) - before) * work.Rest, smallest).Store(a + i);
        }

        for (; i < end; i++)
            a[i] = TinyValues.Flush(a[i] + (w[i] - a[i]) * work.Rest, TinyValues.Smallest);
    }

    // Here the elements are blocks.
    private static void Norm(void* state, long start, long end)
    {
        NormWork work = *(NormWork*)state;
        for (long block = start; block < end; block++)
        {
            long i = block * work.Block, last = Math.Min(work.Count, i + work.Block);
            Vector<double> low = Vector<double>.Zero, high = Vector<double>.Zero;
            for (; i <= last - Vector<float>.Count; i += Vector<float>.Count)
            {
                Vector.Widen(Vector.Load(work.Values + i), out Vector<double> a, out Vector<double> b);
                low += a * a;
                high += b * b;
            }

            double sum = Vector.Sum(low + high);
            for (; i < last; i++)
                sum += (double)work.Values[i] * work.Values[i];
            work.Sums[block] = sum;
        }
    }

    private static float* Start(torch.Tensor tensor, long count)
    {
        if (tensor.numel() != count || !tensor.is_contiguous() || !CanUse(tensor))
            throw new ArgumentException($"The kernels need contiguous buffers of {count} floats on the CPU.");
        return count == 0 ? null : (float*)TensorMemory.Start(tensor);
    }

    private struct AdamWork
    {
        public float* Weights, Gradients, Means, Squares;
        public float Beta1Rest, Beta2, Beta2Rest, Scale, Epsilon, StepSize, Keep, Decay, SmallestGradient;
    }

    private struct SgdWork
    {
        public float* Weights, Gradients, Velocities;
        public float LearningRate, Momentum, Decay;
    }

    private struct EmaWork
    {
        public float* Averages, Weights;
        public float Rest;
    }

    private struct NormWork
    {
        public float* Values;
        public long Count, Block;
        public double* Sums;
    }
}
