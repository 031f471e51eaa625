using Microsoft.ML.Generative.Layers.Kernels;
using Microsoft.ML.Generative.Runtime.Kernels;
using TorchSharp;
using static Microsoft.ML.Generative.Runtime.TensorMemory;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// A linear layer with what follows it, on a CPU and where nothing is learned: one pass over the layer's output, which is large. libtorch
/// makes a pass for each of bias, sum, normalization and non-linearity, and waits for memory in all of them. A row's values do not depend
/// on other rows, nor on threads.
/// </summary>
internal static unsafe class FusedLinear
{
    /// <summary>Whether a layer can be computed so.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="input">Its input.</param>
    public static bool CanUse(Linear layer, Tensor input) =>
        !is_grad_enabled() && !layer.training && !layer.HasAdapter && layer.Weight.Plain is not null && MixedPrecision.Current is null
        && !OutputShapes.AreNoted && CpuKernels.CanUse(input) && input.numel() > 0;

    /// <summary>The non-linearity of the layer's output, or of its first half, which gates the second.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="input">[.., inputs].</param>
    /// <param name="kind">The non-linearity.</param>
    /// <returns>[.., outputs], or half of them.</returns>
    public static Tensor Activate(Linear layer, Tensor input, FeedForwardKind kind)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor values = layer.Weight.Multiply(input, null); // [.., outputs]
        int outputs = checked((int)values.size(-1)), hidden = kind.IsGated() ? outputs / 2 : outputs;
        Tensor result = kind.IsGated() ? empty([.. values.shape[..^1], hidden]) : values;
        var work = new ActivationWork
        {
            Values = Floats(values),
            Bias = Floats(layer.Bias),
            Result = Floats(result),
            Outputs = outputs,
            Hidden = hidden,
            Kind = kind,
        };
        ThreadTeam.Run(values.numel() / outputs, outputs, &work, &Activate);
        return result.MoveToOuterDisposeScope();
    }

    /// <summary>The normalized sum of the layer's output and of what goes around it.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="input">[.., inputs].</param>
    /// <param name="shortcut">[.., outputs].</param>
    /// <param name="norm">The normalization.</param>
    /// <returns>[.., outputs].</returns>
    public static Tensor NormalizeSum(Linear layer, Tensor input, Tensor shortcut, Normalization norm)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor values = layer.Weight.Multiply(input, null); // [.., outputs]
        int outputs = checked((int)values.size(-1));
        var work = new SumWork
        {
            Values = Floats(values),
            Bias = Floats(layer.Bias),
            Shortcut = Floats(shortcut),
            Outputs = outputs,
            Norm = new NormalizationKernel(
                Floats(norm.Gain), Floats(norm.Bias), outputs, norm.Kind == NormalizationKind.LayerNorm, norm.Epsilon),
        };
        ThreadTeam.Run(values.numel() / outputs, outputs, &work, &NormalizeSum);
        return values.MoveToOuterDisposeScope();
    }

    // Here the elements are rows.
    private static void Activate(void* state, long start, long end)
    {
        ActivationWork work = *(ActivationWork*)state;
        for (long row = start; row < end; row++)
        {
            float* values = work.Values + row * work.Outputs;
            if (work.Bias is not null)
                RowSums.Add(values, work.Bias, work.Outputs);
            ActivationKernel.Apply(work.Kind, values, work.Result + row * work.Hidden, work.Hidden);
        }
    }

    // Here the elements are rows.
    private static void NormalizeSum(void* state, long start, long end)
    {
        SumWork work = *(SumWork*)state;
        for (long row = start; row < end; row++)
        {
            float* values = work.Values + row * work.Outputs;
            if (work.Bias is not null)
                RowSums.Add(values, work.Bias, work.Outputs);
            RowSums.Add(values, work.Shortcut + row * work.Outputs, work.Outputs);
            work.Norm.Apply(values, values);
        }
    }

    private struct ActivationWork
    {
        public float* Values, Bias, Result;
        public int Outputs, Hidden;
        public FeedForwardKind Kind;
    }

    private struct SumWork
    {
        public float* Values, Bias, Shortcut;
        public int Outputs;
        public NormalizationKernel Norm;
    }
}
