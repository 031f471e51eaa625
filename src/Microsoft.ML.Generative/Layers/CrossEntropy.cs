using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Kernels;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// −log softmax(logits)[target] of rows, as one operation with gradients: on the CPU by <see cref="CrossEntropyKernel"/>, which keeps no
/// copy of the logits, elsewhere by libtorch's operations.
/// </summary>
internal static class CrossEntropy
{
    /// <summary>The target of a row that is not to be learned.</summary>
    public const long NoTarget = -100;

    /// <summary>The loss of each row, 0 where there is no target: [rows, classes] to [rows].</summary>
    /// <param name="logits">[rows, classes].</param>
    /// <param name="targets">[rows], classes from 0 or <see cref="NoTarget"/>, Int64.</param>
    /// <exception cref="ArgumentOutOfRangeException">A target is no class.</exception>
    public static Tensor PerRow(Tensor logits, Tensor targets)
    {
        if (!CanUse(logits, targets))
            return F.cross_entropy(logits, targets, reduction: nn.Reduction.None, ignore_index: NoTarget);
        CountTargets(logits, targets);
        return Losses(logits, targets);
    }

    /// <summary>The mean loss of the rows that have a target, which is no number where none has.</summary>
    /// <inheritdoc cref="PerRow"/>
    public static Tensor Mean(Tensor logits, Tensor targets)
    {
        if (!CanUse(logits, targets))
            return F.cross_entropy(logits, targets, ignore_index: NoTarget);
        long count = CountTargets(logits, targets);
        return Losses(logits, targets).sum().Over(count);
    }

    private static bool CanUse(Tensor logits, Tensor targets) =>
        CpuKernels.CanUse(logits) && logits.dim() == 2 && targets.dtype == ScalarType.Int64 && targets.dim() == 1
            && targets.size(0) == logits.size(0) && logits.numel() > 0;

    private static long CountTargets(Tensor logits, Tensor targets)
    {
        using Tensor contiguous = targets.contiguous();
        long classes = logits.size(1), count = 0;
        foreach (long target in MemoryMarshal.Cast<byte, long>(contiguous.bytes))
        {
            if (target == NoTarget)
                continue;
            if (target < 0 || target >= classes)
                throw new ArgumentOutOfRangeException(nameof(targets), target, $"The target is no class; there are {classes}.");
            count++;
        }

        return count;
    }

    private static Tensor Losses(Tensor logits, Tensor targets)
    {
        if (is_grad_enabled() && logits.requires_grad)
            return Operation.Call(logits, targets);
        using IDisposable noGradient = no_grad();
        return Forward(logits, targets, new Sums(logits.size(0)));
    }

    private static unsafe Tensor Forward(Tensor logits, Tensor targets, Sums kept)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor losses = empty(logits.size(0));
        CrossEntropyWork work = Work(logits, targets);
        work.Losses = TensorMemory.Floats(losses);
        fixed (float* maxima = kept.Maxima, sums = kept.Logarithms)
        {
            work.Maxima = maxima;
            work.LogSums = sums;
            CrossEntropyKernel.Forward(work);
        }

        return losses.MoveToOuterDisposeScope();
    }

    // What the copy of a tensor that is not contiguous takes is released with the caller's scope.
    private static unsafe CrossEntropyWork Work(Tensor logits, Tensor targets) => new()
    {
        Logits = TensorMemory.Floats(logits),
        Targets = (long*)TensorMemory.Start(targets.contiguous()),
        Rows = logits.size(0),
        Classes = checked((int)logits.size(1)),
        NoTarget = NoTarget,
    };

    // What the way back needs of each row.
    private readonly record struct Sums(float[] Maxima, float[] Logarithms)
    {
        public Sums(long rows)
            : this(new float[rows], new float[rows])
        {
        }
    }

    private sealed class Operation : GradientFunction<Operation>
    {
        private const string SumsName = "sums";

        public override string Name => nameof(CrossEntropy);

        protected override Tensor Compute(autograd.AutogradContext ctx, object[] vars)
        {
            (Tensor logits, Tensor targets) = ((Tensor)vars[0], (Tensor)vars[1]);
            var sums = new Sums(logits.size(0));
            ctx.save_for_backward([logits, targets]);
            ctx.save_data(SumsName, sums);
            return Forward(logits, targets, sums);
        }

        protected override unsafe List<Tensor> Gradients(autograd.AutogradContext ctx, List<Tensor> saved, Tensor gradient)
        {
            (Tensor logits, Tensor targets) = (saved[0], saved[1]);
            if (is_grad_enabled())
            {
                // For gradients of gradients: what libtorch can derive again.
                Tensor losses = F.cross_entropy(logits, targets, reduction: nn.Reduction.None, ignore_index: NoTarget);
                return [autograd.grad([losses], [logits], [gradient], retain_graph: true, create_graph: true)[0], null!];
            }

            Tensor gradients = empty(logits.shape);
            CrossEntropyWork work = Work(logits, targets);
            work.LossGradients = TensorMemory.Floats(gradient);
            work.LogitGradients = TensorMemory.Floats(gradients);
            var kept = (Sums)ctx.get_data(SumsName);
            fixed (float* maxima = kept.Maxima, sums = kept.Logarithms)
            {
                work.Maxima = maxima;
                work.LogSums = sums;
                CrossEntropyKernel.Backward(work);
            }

            return [gradients, null!];
        }
    }
}
