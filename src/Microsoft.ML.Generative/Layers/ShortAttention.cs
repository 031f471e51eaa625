using System.Runtime.Intrinsics.X86;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// Attention of short sequences as one operation, by <see cref="AttentionKernel"/>: causal with gradients, to all positions without.
/// </summary>
internal static class ShortAttention
{
    /// <summary>The longest sequences: what is computed of a head stays in a core's cache.</summary>
    public const long LongestTime = 128;

    /// <summary>Whether the kernel can be used.</summary>
    /// <param name="queries">[batch, heads, time, head size].</param>
    /// <param name="keys">The same for keys.</param>
    /// <param name="values">The same for values.</param>
    public static bool CanUse(Tensor queries, Tensor keys, Tensor values) => Avx512F.IsSupported
        && CpuKernels.CanUse(queries) && CpuKernels.CanUse(keys) && CpuKernels.CanUse(values) && queries.numel() > 0
        && queries.size(2) <= LongestTime && queries.size(3) % MatrixKernel.Lanes == 0
        && keys.shape.AsSpan().SequenceEqual(queries.shape) && values.shape.AsSpan().SequenceEqual(queries.shape);

    /// <summary>Each position attends to itself and all before it.</summary>
    /// <inheritdoc cref="CanUse" path="/param"/>
    /// <param name="queries">[batch, heads, time, head size].</param>
    /// <param name="keys">The same for keys.</param>
    /// <param name="values">The same for values.</param>
    /// <param name="scale">What scores are multiplied by.</param>
    /// <returns>[batch, heads, time, head size], a view of [batch, time, heads, head size].</returns>
    public static Tensor Causal(Tensor queries, Tensor keys, Tensor values, float scale)
    {
        if (is_grad_enabled() && (queries.requires_grad || keys.requires_grad || values.requires_grad))
            return Attention.Call(queries, keys, values, scale).transpose(1, 2);
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        return Forward(Work(queries, keys, values, scale) with { IsCausal = true }, null).transpose(1, 2).MoveToOuterDisposeScope();
    }

    /// <summary>Each position attends to all, or to those that a mask allows; there are no gradients.</summary>
    /// <param name="queries">[batch, heads, time, head size].</param>
    /// <param name="keys">The same for keys.</param>
    /// <param name="values">The same for values.</param>
    /// <param name="scale">What scores are multiplied by.</param>
    /// <param name="mask">What is added to them then, of a shape that broadcasts to [batch, heads, time, time], Float32.</param>
    /// <inheritdoc cref="Causal" path="/returns"/>
    public static Tensor Full(Tensor queries, Tensor keys, Tensor values, float scale, Tensor? mask)
    {
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        AttentionWork work = Work(queries, keys, values, scale);
        if (mask is not null)
        {
            work.Mask = Of(mask.expand(work.Batch, work.Heads, work.Time, work.Time));
            work.HasMask = true;
        }

        return Forward(work, null).transpose(1, 2).MoveToOuterDisposeScope();
    }

    // [batch, time, heads, head size]
    private static unsafe Tensor Forward(AttentionWork work, float[]? logSums)
    {
        Tensor output = empty(work.Batch, work.Time, work.Heads, work.HeadSize);
        work.Output = Of(output.transpose(1, 2));
        fixed (float* sums = logSums)
        {
            work.LogSums = sums;
            AttentionKernel.Forward(work);
        }

        return output;
    }

    private static AttentionWork Work(Tensor queries, Tensor keys, Tensor values, float scale) => new()
    {
        Queries = Of(queries),
        Keys = Of(keys),
        Values = Of(values),
        Batch = checked((int)queries.size(0)),
        Heads = (int)queries.size(1),
        Time = (int)queries.size(2),
        HeadSize = (int)queries.size(3),
        Scale = scale,
    };

    private static Tensor NewLike(Tensor queries) => empty(queries.size(0), queries.size(2), queries.size(1), queries.size(3));

    private static long Rows(Tensor queries) => queries.size(0) * queries.size(1) * queries.size(2);

    // What the copy of a tensor of another layout takes is released with the caller's scope.
    private static unsafe AttentionWork.Rows Of(Tensor values)
    {
        long[] strides = values.stride();
        if (strides[3] != 1)
        {
            values = values.contiguous();
            strides = values.stride();
        }

        return new AttentionWork.Rows(Start(values), strides[0], strides[1], strides[2]);
    }

    // The first element of a view that need not be contiguous.
    private static unsafe float* Start(Tensor values)
    {
        using Tensor first = values.as_strided([1], [1], values.storage_offset());
        return (float*)TensorMemory.Start(first);
    }

    private sealed class Attention : GradientFunction<Attention>
    {
        private const string StateName = "state";

        public override string Name => nameof(ShortAttention);

        protected override Tensor Compute(autograd.AutogradContext ctx, object[] vars)
        {
            (Tensor queries, Tensor keys, Tensor values, float scale) =
                ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2], (float)vars[3]);
            var logSums = new float[Rows(queries)];
            ctx.save_for_backward([queries, keys, values]);
            ctx.save_data(StateName, (scale, logSums, (bool[])[queries.requires_grad, keys.requires_grad, values.requires_grad]));
            return Forward(Work(queries, keys, values, scale) with { IsCausal = true }, logSums);
        }

        protected override unsafe List<Tensor> Gradients(autograd.AutogradContext ctx, List<Tensor> saved, Tensor gradient)
        {
            (float scale, float[] logSums, bool[] needs) = ((float, float[], bool[]))ctx.get_data(StateName);
            if (is_grad_enabled())
                return [.. Differentiable(saved, gradient, scale, needs), null!];
            Tensor[] gradients = [.. saved.Select(_ => NewLike(saved[0]).transpose(1, 2))];
            AttentionWork work = Work(saved[0], saved[1], saved[2], scale);
            work.OutputGradient = Of(gradient.transpose(1, 2));
            (work.QueryGradients, work.KeyGradients, work.ValueGradients) = (Of(gradients[0]), Of(gradients[1]), Of(gradients[2]));
            fixed (float* sums = logSums)
            {
                work.LogSums = sums;
                AttentionKernel.Backward(work);
            }

            return [.. gradients.Select((found, i) => needs[i] ? found : null!), null!];
        }

        // For gradients of gradients: what libtorch can derive again.
        private static Tensor[] Differentiable(List<Tensor> saved, Tensor gradient, float scale, bool[] needs)
        {
            long time = saved[0].size(2);
            Tensor hidden = TensorFactory.Constant([time, time], float.NegativeInfinity, ScalarType.Float32).triu(1);
            Tensor scores = saved[0].matmul(saved[1].transpose(-2, -1)).Times(scale).Plus(hidden);
            Tensor output = scores.softmax(-1).matmul(saved[2]).transpose(1, 2); // [batch, time, heads, head size]
            Tensor[] needed = [.. saved.Where((_, i) => needs[i])];
            Tensor[] found = [.. autograd.grad([output], needed, [gradient], retain_graph: true, create_graph: true)];
            int next = 0;
            return [.. needs.Select(isNeeded => isNeeded ? found[next++] : null!)];
        }
    }
}
