using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// The kernels of <see cref="OptimizerKernels"/> in vector instructions over the tensors' memory, on the calling thread. Every element
/// is computed by the same operations wherever it stands, so an optimizer's result depends on neither vector width nor threads. State that
/// has decayed becomes 0 (<see cref="TinyValues"/>).
/// </summary>
internal static unsafe class CpuKernels
{
    public static bool CanUse(torch.Tensor tensor) => tensor.device_type == DeviceType.CPU && tensor.dtype == torch.ScalarType.Float32;

    public static void Adam(torch.Tensor weights, torch.Tensor gradients, torch.Tensor m, torch.Tensor v, in AdamStep step)
    {
        long count = weights.numel();
        float* w = Start(weights, count), g = Start(gradients, count), first = Start(m, count), second = Start(v, count);
        float beta1Rest = (float)(1 - step.Beta1);
        float beta2 = (float)step.Beta2;
        float beta2Rest = (float)(1 - step.Beta2);
        float scale = (float)step.SecondMomentScale;
        float epsilon = (float)step.Epsilon;
        float stepSize = (float)step.StepSize;
        float keep = step.IsDecoupled ? (float)(1 - step.LearningRate * step.WeightDecay) : 1;
        float decay = step.IsDecoupled ? 0 : (float)step.WeightDecay;

        // Squares of gradients up to this magnitude would be subnormal.
        float smallestGradient = MathF.Sqrt(TinyValues.SmallestNormal / beta2Rest);

        long i = 0;
        var epsilons = new Vector<float>(epsilon);
        var smallest = new Vector<float>(TinyValues.Smallest);
        var smallestSquare = new Vector<float>(TinyValues.SmallestNormal);
        var smallestGradients = new Vector<float>(smallestGradient);
        for (; i <= count - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> weight = Vector.Load(w + i);
            Vector<float> gradient = Vector.Load(g + i) + weight * decay;
            Vector<float> mean = Vector.Load(first + i);
            mean = TinyValues.Flush(mean + (gradient - mean) * beta1Rest, smallest);
            gradient = TinyValues.Flush(gradient, smallestGradients);
            Vector<float> square = TinyValues.Flush(Vector.Load(second + i) * beta2 + gradient * gradient * beta2Rest, smallestSquare);
            mean.Store(first + i);
            square.Store(second + i);
            weight = weight * keep - mean / (Vector.SquareRoot(square) * scale + epsilons) * stepSize;
            TinyValues.Flush(weight, smallest).Store(w + i);
        }

        for (; i < count; i++)
        {
            float gradient = g[i] + w[i] * decay;
            first[i] = TinyValues.Flush(first[i] + (gradient - first[i]) * beta1Rest, TinyValues.Smallest);
            gradient = TinyValues.Flush(gradient, smallestGradient);
            second[i] = TinyValues.Flush(second[i] * beta2 + gradient * gradient * beta2Rest, TinyValues.SmallestNormal);
            float weight = w[i] * keep - first[i] / (MathF.Sqrt(second[i]) * scale + epsilon) * stepSize;
            w[i] = TinyValues.Flush(weight, TinyValues.Smallest);
        }
    }

    public static void Sgd(torch.Tensor weights, torch.Tensor gradients, torch.Tensor momentum, in SgdStep step)
    {
        long count = weights.numel();
        float* w = Start(weights, count), g = Start(gradients, count), velocity = Start(momentum, count);
        float learningRate = (float)step.LearningRate;
        float factor = step.Step == 1 ? 0 : (float)step.Momentum;
        float decay = (float)step.WeightDecay;

        long i = 0;
        var smallest = new Vector<float>(TinyValues.Smallest);
        for (; i <= count - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> weight = Vector.Load(w + i);
            Vector<float> next = TinyValues.Flush(Vector.Load(velocity + i) * factor + (Vector.Load(g + i) + weight * decay), smallest);
            next.Store(velocity + i);
            TinyValues.Flush(weight - next * learningRate, smallest).Store(w + i);
        }

        for (; i < count; i++)
        {
            velocity[i] = TinyValues.Flush(velocity[i] * factor + (g[i] + w[i] * decay), TinyValues.Smallest);
            w[i] = TinyValues.Flush(w[i] - velocity[i] * learningRate, TinyValues.Smallest);
        }
    }

    public static void Ema(torch.Tensor average, torch.Tensor weights, double decay)
    {
        long count = average.numel();
        float* a = Start(average, count), w = Start(weights, count);
        float rest = (float)(1 - decay);

        long i = 0;
        var smallest = new Vector<float>(TinyValues.Smallest);
        for (; i <= count - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> before = Vector.Load(a + i);
            TinyValues.Flush(before + (Vector.Load(w + i) - before) * rest, smallest).Store(a + i);
        }

        for (; i < count; i++)
            a[i] = TinyValues.Flush(a[i] + (w[i] - a[i]) * rest, TinyValues.Smallest);
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

    // Products of floats are exact in double, so large buffers lose nothing.
    public static double Norm(torch.Tensor values)
    {
        long count = values.numel();
        float* x = Start(values, count);

        long i = 0;
        Vector<double> low = Vector<double>.Zero, high = Vector<double>.Zero;
        for (; i <= count - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector.Widen(Vector.Load(x + i), out Vector<double> a, out Vector<double> b);
            low += a * a;
            high += b * b;
        }

        double sum = Vector.Sum(low + high);
        for (; i < count; i++)
            sum += (double)x[i] * x[i];
        return Math.Sqrt(sum);
    }

    private static float* Start(torch.Tensor tensor, long count)
    {
        if (tensor.numel() != count || !tensor.is_contiguous() || !CanUse(tensor))
            throw new ArgumentException($"The kernels need contiguous buffers of {count} floats on the CPU.");
        if (count == 0)
            return null;
        using torch.Tensor first = tensor.narrow(0, 0, 1);
        return (float*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(first.bytes));
    }
}
