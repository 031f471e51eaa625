using System.Runtime.Intrinsics.X86;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>Attention of short sequences as one operation with gradients, by <see cref="AttentionKernel"/>.</summary>
internal static class ShortAttention
{
    private const int Parts = 3;

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

    /// <summary>Whether the kernel can be used with a mask.</summary>
    /// <param name="mask">What is added to scores, the same for all heads; it has no gradient.</param>
    public static bool CanAdd(Tensor mask) =>
        CpuKernels.CanUse(mask) && mask.dim() == 4 && mask.size(1) == 1 && !mask.requires_grad;

    /// <summary>Whether the kernel can be used.</summary>
    /// <param name="all">Queries, keys and values of as many heads each, [batch, time, 3 · heads, head size].</param>
    public static bool CanUse(Tensor all) => Avx512F.IsSupported && CpuKernels.CanUse(all) && all.numel() > 0
        && all.size(1) <= LongestTime && all.size(3) % MatrixKernel.Lanes == 0 && all.size(2) % Parts == 0;

    /// <summary>Each position attends to itself and all before it, or to all.</summary>
    /// <inheritdoc cref="CanUse(Tensor, Tensor, Tensor)" path="/param"/>
    /// <param name="queries">[batch, heads, time, head size].</param>
    /// <param name="keys">The same for keys.</param>
    /// <param name="values">The same for values.</param>
    /// <param name="scale">What scores are multiplied by.</param>
    /// <param name="isCausal">Whether a position attends to itself and those before it alone.</param>
    /// <param name="mask">
    /// What is added to scores then, of a shape that broadcasts to [batch, heads, time, time]; <see langword="null"/>: nothing.
    /// </param>
    /// <returns>[batch, heads, time, head size], a view of [batch, time, heads, head size].</returns>
    public static Tensor Apply(Tensor queries, Tensor keys, Tensor values, float scale, bool isCausal, Tensor? mask = null)
    {
        var settings = new Settings(
            mask is null ? Form.Parts : Form.PartsAndMask, scale, isCausal,
            [queries.requires_grad, keys.requires_grad, values.requires_grad]);
        Tensor[] inputs = mask is null ? [queries, keys, values] : [queries, keys, values, Spread(mask, queries)];
        if (is_grad_enabled() && settings.Needs.Any(needed => needed))
            return Attention.Call([.. inputs, settings]).transpose(1, 2);
        using DisposeScope scope = NewDisposeScope();
        return Compute(inputs, settings).transpose(1, 2).MoveToOuterDisposeScope();
    }

    /// <summary>The same for queries, keys and values in one tensor, whose gradient is one, too.</summary>
    /// <param name="all">[batch, time, 3 · heads, head size].</param>
    /// <param name="scale">What scores are multiplied by.</param>
    /// <param name="isCausal">Whether a position attends to itself and those before it alone.</param>
    /// <returns>[batch, time, heads, head size].</returns>
    public static Tensor Apply(Tensor all, float scale, bool isCausal)
    {
        var settings = new Settings(Form.Packed, scale, isCausal, [all.requires_grad]);
        return is_grad_enabled() && all.requires_grad ? Attention.Call(all, settings) : Compute([all], settings);
    }

    /// <summary>The longest sequences of <see cref="ApplyToEach"/>; 0: it cannot be used.</summary>
    /// <param name="headSize">Values of a head.</param>
    /// <param name="device">Where the tensors are, in Float32.</param>
    public static int LongestOf(int headSize, Device device) =>
        Avx512F.IsSupported && device.type == DeviceType.CPU && headSize % MatrixKernel.Lanes == 0 ? (int)LongestTime : 0;

    /// <summary>Each position attends to all of its own sequence. There are no gradients.</summary>
    /// <param name="queries">[1, heads, time, head size], sequences one behind another.</param>
    /// <param name="keys">The same for keys.</param>
    /// <param name="values">The same for values.</param>
    /// <param name="scale">What scores are multiplied by.</param>
    /// <param name="lengths">The length of each sequence, at most <see cref="LongestOf"/>.</param>
    /// <returns>[1, time, heads, head size].</returns>
    public static unsafe Tensor ApplyToEach(Tensor queries, Tensor keys, Tensor values, float scale, int[] lengths)
    {
        if (lengths.Sum() != queries.size(2) || queries.size(0) != 1)
            throw new ArgumentException($"The sequences have {lengths.Sum()} positions; expected {queries.size(2)}.", nameof(lengths));
        using DisposeScope scope = NewDisposeScope();
        Tensor[] parts = [queries, keys, values];
        Tensor output = NewLike(queries);
        AttentionWork work = Work(parts, mask: null, new Settings(Form.Parts, scale, IsCausal: false, []));
        (work.Output, work.Time) = (Of(output.transpose(1, 2)), lengths.Max());
        long[] starts = new long[lengths.Length + 1];
        for (int i = 0; i < lengths.Length; i++)
            starts[i + 1] = starts[i] + lengths[i];
        fixed (float* sums = NewLogSums(parts, Form.Parts))
        fixed (long* first = starts)
        {
            work.LogSums = sums;
            AttentionKernel.ForwardEach(work, first, lengths.Length);
        }

        return output.MoveToOuterDisposeScope();
    }

    /// <summary>The same by libtorch's operations, for gradients of gradients.</summary>
    /// <param name="all">[batch, time, 3 · heads, head size].</param>
    /// <param name="scale">What scores are multiplied by.</param>
    /// <param name="isCausal">Whether a position attends to itself and those before it alone.</param>
    /// <returns>[batch, time, heads, head size].</returns>
    public static Tensor Compose(Tensor all, float scale, bool isCausal) => Compose(Split([all], Form.Packed), null, scale, isCausal);

    private static Tensor Compose(Tensor[] parts, Tensor? mask, float scale, bool isCausal)
    {
        long time = parts[0].size(2);
        Tensor scores = parts[0].matmul(parts[1].transpose(-2, -1)).Times(scale); // [batch, heads, time, time]
        if (isCausal)
            scores = scores.Plus(TensorFactory.Constant([time, time], float.NegativeInfinity, ScalarType.Float32).triu(1));
        if (mask is not null)
            scores = scores.Plus(mask);
        return scores.softmax(-1).matmul(parts[2]).transpose(1, 2); // [batch, time, heads, head size]
    }

    private static Tensor Compute(IReadOnlyList<Tensor> inputs, Settings settings)
    {
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        return Forward(inputs, settings, NewLogSums(inputs, settings.Form)).MoveToOuterDisposeScope();
    }

    // [batch, time, heads, head size]
    private static unsafe Tensor Forward(IReadOnlyList<Tensor> inputs, Settings settings, float[] logSums)
    {
        Tensor[] parts = Split(inputs, settings.Form);
        Tensor output = NewLike(parts[0]);
        AttentionWork work = Work(parts, MaskOf(inputs, settings.Form), settings);
        work.Output = Of(output.transpose(1, 2));
        fixed (float* sums = logSums)
        {
            work.LogSums = sums;
            AttentionKernel.Forward(work);
        }

        return output;
    }

    private static AttentionWork Work(Tensor[] parts, Tensor? mask, Settings settings) => new()
    {
        Mask = mask is null ? default : Of(mask),
        HasMask = mask is not null,
        Queries = Of(parts[0]),
        Keys = Of(parts[1]),
        Values = Of(parts[2]),
        Batch = checked((int)parts[0].size(0)),
        Heads = (int)parts[0].size(1),
        Time = (int)parts[0].size(2),
        HeadSize = (int)parts[0].size(3),
        Scale = settings.Scale,
        IsCausal = settings.IsCausal,
    };

    // [batch, heads, time, head size] each
    private static Tensor[] Split(IReadOnlyList<Tensor> inputs, Form form) =>
        form == Form.Packed ? inputs[0].transpose(1, 2).chunk(Parts, 1) : [.. inputs.Take(Parts)];

    private static Tensor? MaskOf(IReadOnlyList<Tensor> inputs, Form form) => form == Form.PartsAndMask ? inputs[Parts] : null;

    private static Tensor Spread(Tensor mask, Tensor queries) =>
        mask.expand(queries.size(0), queries.size(1), queries.size(2), queries.size(2));

    private static Tensor NewLike(Tensor queries) => empty(queries.size(0), queries.size(2), queries.size(1), queries.size(3));

    private static float[] NewLogSums(IReadOnlyList<Tensor> inputs, Form form) =>
        new float[inputs[0].numel() / inputs[0].size(3) / (form == Form.Packed ? Parts : 1)];

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

    // What the inputs are.
    private enum Form
    {
        // Queries, keys and values.
        Parts,

        // The same, and what is added to scores.
        PartsAndMask,

        // Queries, keys and values in one.
        Packed,
    }

    /// <param name="Form">What the inputs are.</param>
    /// <param name="Scale">What scores are multiplied by.</param>
    /// <param name="IsCausal">Whether a position attends to itself and those before it alone.</param>
    /// <param name="Needs">Which inputs have gradients.</param>
    private sealed record Settings(Form Form, float Scale, bool IsCausal, bool[] Needs);

    private sealed class Attention : GradientFunction<Attention>
    {
        private const string StateName = "state";

        public override string Name => nameof(ShortAttention);

        protected override Tensor Compute(autograd.AutogradContext ctx, object[] vars)
        {
            List<Tensor> inputs = [.. vars.OfType<Tensor>()];
            var settings = (Settings)vars[^1];
            float[] logSums = NewLogSums(inputs, settings.Form);
            ctx.save_for_backward(inputs);
            ctx.save_data(StateName, (settings, logSums));
            return Forward(inputs, settings, logSums);
        }

        protected override unsafe List<Tensor> Gradients(autograd.AutogradContext ctx, List<Tensor> saved, Tensor gradient)
        {
            (Settings settings, float[] logSums) = ((Settings, float[]))ctx.get_data(StateName);
            if (is_grad_enabled())
                return [.. Differentiable(saved, gradient, settings).Select(tensor => tensor!), .. NoneOfTheRest(settings.Form)];
            Tensor[] parts = Split(saved, settings.Form);
            Tensor[] gradients = settings.Form == Form.Packed
                ? [empty(saved[0].shape)]
                : [.. parts.Select(part => NewLike(part).transpose(1, 2))];
            Tensor[] partGradients = Split(gradients, settings.Form);
            AttentionWork work = Work(parts, MaskOf(saved, settings.Form), settings);
            work.OutputGradient = Of(gradient.transpose(1, 2));
            (work.QueryGradients, work.KeyGradients, work.ValueGradients) =
                (Of(partGradients[0]), Of(partGradients[1]), Of(partGradients[2]));
            fixed (float* sums = logSums)
            {
                work.LogSums = sums;
                AttentionKernel.Backward(work);
            }

            return [.. gradients.Zip(settings.Needs, (found, isNeeded) => isNeeded ? found : null!), .. NoneOfTheRest(settings.Form)];
        }

        // Neither a mask nor the settings have a gradient.
        private static Tensor[] NoneOfTheRest(Form form) => form == Form.PartsAndMask ? [null!, null!] : [null!];

        // For gradients of gradients: what libtorch can derive again.
        private static Tensor?[] Differentiable(List<Tensor> saved, Tensor gradient, Settings settings)
        {
            Tensor[] parts = Split(saved, settings.Form);
            Tensor output = Compose(parts, MaskOf(saved, settings.Form), settings.Scale, settings.IsCausal);
            return DeriveAgain(output, saved.Take(settings.Needs.Length), settings.Needs, gradient);
        }
    }
}
