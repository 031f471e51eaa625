using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>
/// The kernels of <see cref="OptimizerKernels"/> in vector instructions over the tensors' memory. Every element is computed by the
/// same operations wherever it stands, so the result depends on neither vector width nor threads.
/// </summary>
internal static unsafe class CpuKernels
{
    // Spans count in Int32.
    private const long ElementsAtOnce = 1 << 30;

    public static bool CanUse(torch.Tensor tensor) => tensor.device_type == DeviceType.CPU && tensor.dtype == torch.ScalarType.Float32;

    public static void Adam(torch.Tensor weights, torch.Tensor gradients, torch.Tensor m, torch.Tensor v, in AdamStep step)
    {
        float* w = Start(weights), g = Start(gradients), first = Start(m), second = Start(v);
        long count = weights.numel();
        for (long i = 0; i < count; i += ElementsAtOnce)
        {
            int n = (int)Math.Min(ElementsAtOnce, count - i);
            Adam(new Span<float>(w + i, n), new ReadOnlySpan<float>(g + i, n), new Span<float>(first + i, n), new Span<float>(second + i, n), step);
        }
    }

    public static void Sgd(torch.Tensor weights, torch.Tensor gradients, torch.Tensor momentum, in SgdStep step)
    {
        float* w = Start(weights), g = Start(gradients), b = Start(momentum);
        long count = weights.numel();
        for (long i = 0; i < count; i += ElementsAtOnce)
        {
            int n = (int)Math.Min(ElementsAtOnce, count - i);
            Sgd(new Span<float>(w + i, n), new ReadOnlySpan<float>(g + i, n), new Span<float>(b + i, n), step);
        }
    }

    public static void Ema(torch.Tensor average, torch.Tensor weights, double decay)
    {
        float* a = Start(average), w = Start(weights);
        long count = weights.numel();
        for (long i = 0; i < count; i += ElementsAtOnce)
        {
            int n = (int)Math.Min(ElementsAtOnce, count - i);
            Ema(new Span<float>(a + i, n), new ReadOnlySpan<float>(w + i, n), (float)(1 - decay));
        }
    }

    public static double Norm(torch.Tensor values)
    {
        float* start = Start(values);
        long count = values.numel();
        double sum = 0;
        for (long i = 0; i < count; i += ElementsAtOnce)
            sum += SumOfSquares(new ReadOnlySpan<float>(start + i, (int)Math.Min(ElementsAtOnce, count - i)));
        return Math.Sqrt(sum);
    }

    private static void Adam(Span<float> weights, ReadOnlySpan<float> gradients, Span<float> m, Span<float> v, in AdamStep step)
    {
        float beta1Rest = (float)(1 - step.Beta1);
        float beta2 = (float)step.Beta2;
        float beta2Rest = (float)(1 - step.Beta2);
        float scale = (float)step.SecondMomentScale;
        float epsilon = (float)step.Epsilon;
        float stepSize = (float)step.StepSize;
        float keep = step.IsDecoupled ? (float)(1 - step.LearningRate * step.WeightDecay) : 1;
        float decay = step.IsDecoupled ? 0 : (float)step.WeightDecay;

        Span<Vector<float>> ws = MemoryMarshal.Cast<float, Vector<float>>(weights);
        ReadOnlySpan<Vector<float>> gs = MemoryMarshal.Cast<float, Vector<float>>(gradients)[..ws.Length];
        Span<Vector<float>> ms = MemoryMarshal.Cast<float, Vector<float>>(m)[..ws.Length];
        Span<Vector<float>> vs = MemoryMarshal.Cast<float, Vector<float>>(v)[..ws.Length];
        var epsilons = new Vector<float>(epsilon);
        for (int i = 0; i < ws.Length; i++)
        {
            Vector<float> w = ws[i];
            Vector<float> g = gs[i] + w * decay;
            Vector<float> first = ms[i] + (g - ms[i]) * beta1Rest;
            Vector<float> second = vs[i] * beta2 + g * g * beta2Rest;
            ms[i] = first;
            vs[i] = second;
            ws[i] = w * keep - first / (Vector.SquareRoot(second) * scale + epsilons) * stepSize;
        }

        for (int i = ws.Length * Vector<float>.Count; i < weights.Length; i++)
        {
            float w = weights[i];
            float g = gradients[i] + w * decay;
            float first = m[i] + (g - m[i]) * beta1Rest;
            float second = v[i] * beta2 + g * g * beta2Rest;
            m[i] = first;
            v[i] = second;
            weights[i] = w * keep - first / (MathF.Sqrt(second) * scale + epsilon) * stepSize;
        }
    }

    private static void Sgd(Span<float> weights, ReadOnlySpan<float> gradients, Span<float> momentum, in SgdStep step)
    {
        float learningRate = (float)step.LearningRate;
        float factor = step.Step == 1 ? 0 : (float)step.Momentum;
        float decay = (float)step.WeightDecay;

        Span<Vector<float>> ws = MemoryMarshal.Cast<float, Vector<float>>(weights);
        ReadOnlySpan<Vector<float>> gs = MemoryMarshal.Cast<float, Vector<float>>(gradients)[..ws.Length];
        Span<Vector<float>> bs = MemoryMarshal.Cast<float, Vector<float>>(momentum)[..ws.Length];
        for (int i = 0; i < ws.Length; i++)
        {
            bs[i] = bs[i] * factor + (gs[i] + ws[i] * decay);
            ws[i] -= bs[i] * learningRate;
        }

        for (int i = ws.Length * Vector<float>.Count; i < weights.Length; i++)
        {
            momentum[i] = momentum[i] * factor + (gradients[i] + weights[i] * decay);
            weights[i] -= momentum[i] * learningRate;
        }
    }

    private static void Ema(Span<float> average, ReadOnlySpan<float> weights, float rest)
    {
        Span<Vector<float>> averages = MemoryMarshal.Cast<float, Vector<float>>(average);
        ReadOnlySpan<Vector<float>> ws = MemoryMarshal.Cast<float, Vector<float>>(weights)[..averages.Length];
        for (int i = 0; i < averages.Length; i++)
            averages[i] += (ws[i] - averages[i]) * rest;
        for (int i = averages.Length * Vector<float>.Count; i < average.Length; i++)
            average[i] += (weights[i] - average[i]) * rest;
    }

    // Products of floats are exact in double, so large buffers lose nothing.
    private static double SumOfSquares(ReadOnlySpan<float> values)
    {
        ReadOnlySpan<Vector<float>> vectors = MemoryMarshal.Cast<float, Vector<float>>(values);
        Vector<double> low = Vector<double>.Zero, high = Vector<double>.Zero;
        foreach (Vector<float> value in vectors)
        {
            Vector.Widen(value, out Vector<double> a, out Vector<double> b);
            low += a * a;
            high += b * b;
        }

        double sum = Vector.Sum(low + high);
        for (int i = vectors.Length * Vector<float>.Count; i < values.Length; i++)
            sum += (double)values[i] * values[i];
        return sum;
    }

    private static float* Start(torch.Tensor tensor)
    {
        if (!tensor.is_contiguous())
            throw new ArgumentException("Kernels need contiguous buffers.");
        if (tensor.numel() == 0)
            return null;
        using torch.Tensor first = tensor.narrow(0, 0, 1);
        return (float*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(first.bytes));
    }
}
