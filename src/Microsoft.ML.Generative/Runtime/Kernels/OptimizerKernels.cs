using TorchSharp;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>One step's numbers of Adam (Kingma, Ba 2014, algorithm 1) or AdamW (Loshchilov, Hutter 2017, algorithm 2).</summary>
/// <param name="LearningRate">The step's learning rate.</param>
/// <param name="Beta1">Decay of the first moment.</param>
/// <param name="Beta2">Decay of the second moment.</param>
/// <param name="Epsilon">Added to the denominator.</param>
/// <param name="WeightDecay">Weight decay.</param>
/// <param name="IsDecoupled">Whether weights decay by themselves (AdamW) or through the gradient (Adam).</param>
/// <param name="Step">The step, from 1.</param>
internal readonly record struct AdamStep(
    double LearningRate, double Beta1, double Beta2, double Epsilon, double WeightDecay, bool IsDecoupled, long Step)
{
    public double StepSize => LearningRate / (1 - Math.Pow(Beta1, Step));

    public double SecondMomentScale => 1 / Math.Sqrt(1 - Math.Pow(Beta2, Step));
}

/// <summary>One step's numbers of stochastic gradient descent with momentum, as PyTorch defines it.</summary>
internal readonly record struct SgdStep(double LearningRate, double Momentum, double WeightDecay, long Step);

/// <summary>
/// Optimizers over flat buffers of floats: one pass in vector instructions on the CPU, one kernel of libtorch on a GPU, a few operations
/// elsewhere. On the CPU, state that has decayed becomes 0 (<see cref="TinyValues"/>).
/// </summary>
internal static class OptimizerKernels
{
    public static void Adam(torch.Tensor weights, torch.Tensor gradients, torch.Tensor m, torch.Tensor v, in AdamStep step)
    {
        if (CpuKernels.CanUse(weights))
            CpuKernels.Adam(weights, gradients, m, v, step);
        else if (FusedKernels.CanUse(weights))
            FusedKernels.Adam(weights, gradients, m, v, step);
        else
            AdamByOperations(weights, gradients, m, v, step);
    }

    public static void Sgd(torch.Tensor weights, torch.Tensor gradients, torch.Tensor momentum, in SgdStep step)
    {
        if (CpuKernels.CanUse(weights))
            CpuKernels.Sgd(weights, gradients, momentum, step);
        else if (FusedKernels.CanUse(weights))
            FusedKernels.Sgd(weights, gradients, momentum, step);
        else
            SgdByOperations(weights, gradients, momentum, step);
    }

    /// <summary>average += (1 − decay) (weights − average)</summary>
    public static void Ema(torch.Tensor average, torch.Tensor weights, double decay)
    {
        if (CpuKernels.CanUse(weights))
            CpuKernels.Ema(average, weights, decay);
        else if (FusedKernels.CanUse(weights))
            FusedKernels.Ema(average, weights, decay);
        else
            EmaByOperations(average, weights, decay);
    }

    /// <summary>Sets the subnormal elements of a contiguous tensor to 0, where computing with them is slow: not on a GPU.</summary>
    public static void FlushSubnormals(torch.Tensor values)
    {
        if (CpuKernels.CanUse(values))
            CpuKernels.FlushSubnormals(values);
        else if (values.device_type == DeviceType.CPU)
            FlushByOperations(values, TinyValues.SmallestNormal);
    }

    /// <summary>
    /// Scales values down to a Euclidean norm, where theirs is larger. A GPU does so without anybody waiting for it.
    /// </summary>
    /// <param name="values">A contiguous tensor.</param>
    /// <param name="maxNorm">The norm, or infinity.</param>
    /// <returns>The norm before.</returns>
    public static torch.Tensor ClipOnDevice(torch.Tensor values, double maxNorm)
    {
        torch.Tensor norm = values.norm();
        if (!double.IsPositiveInfinity(maxNorm))
            values.mul_(norm.Plus(1e-6).reciprocal().Times(maxNorm).AtMost(1));
        return norm;
    }

    /// <summary>The Euclidean norm.</summary>
    public static double Norm(torch.Tensor values) => CpuKernels.CanUse(values) ? CpuKernels.Norm(values) : NormByOperations(values);

    internal static void AdamByOperations(torch.Tensor weights, torch.Tensor gradients, torch.Tensor m, torch.Tensor v, in AdamStep step)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor g = gradients;
        if (step.IsDecoupled)
            weights.TimesInPlace(1 - step.LearningRate * step.WeightDecay);
        else if (step.WeightDecay != 0)
            g = g.Plus(weights, step.WeightDecay);
        m.TimesInPlace(step.Beta1).PlusInPlace(g, 1 - step.Beta1);
        v.TimesInPlace(step.Beta2).PlusInPlace(g.Squared(), 1 - step.Beta2);
        FlushByOperations(m, TinyValues.Smallest);
        FlushByOperations(v, TinyValues.SmallestNormal);
        weights.PlusInPlace(m / v.sqrt().TimesInPlace(step.SecondMomentScale).PlusInPlace(step.Epsilon), -step.StepSize);
        FlushByOperations(weights, TinyValues.Smallest);
    }

    internal static void SgdByOperations(torch.Tensor weights, torch.Tensor gradients, torch.Tensor momentum, in SgdStep step)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor g = step.WeightDecay == 0 ? gradients : gradients.Plus(weights, step.WeightDecay);
        if (step.Step == 1)
            momentum.copy_(g);
        else
            momentum.TimesInPlace(step.Momentum).PlusInPlace(g);
        FlushByOperations(momentum, TinyValues.Smallest);
        weights.PlusInPlace(momentum, -step.LearningRate);
        FlushByOperations(weights, TinyValues.Smallest);
    }

    internal static void EmaByOperations(torch.Tensor average, torch.Tensor weights, double decay)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        average.TimesInPlace(decay).PlusInPlace(weights, 1 - decay);
        FlushByOperations(average, TinyValues.Smallest);
    }

    internal static void FlushByOperations(torch.Tensor values, double smallest)
    {
        using torch.Tensor flushed = torch.nn.functional.hardshrink(values, smallest);
        values.copy_(flushed);
    }

    internal static double NormByOperations(torch.Tensor values)
    {
        using torch.Tensor norm = values.norm();
        return norm.ToDouble();
    }
}
