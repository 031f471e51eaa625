using Microsoft.ML.Generative.Layers.Kernels;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Kernels;
using static Microsoft.ML.Generative.Runtime.TensorMemory;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// x + W₂ f(W₁ norm(x) + b₁) + b₂ as one operation with gradients: a half of a transformer's block (Radford et al. 2019), where f is
/// attention or a non-linearity. Of libtorch's operations, a dozen in each direction, each passes over its result's memory, and takes the
/// time of a call.
/// </summary>
/// <param name="norm">The normalization.</param>
/// <param name="first">The first layer.</param>
/// <param name="second">The second layer.</param>
internal sealed unsafe class ResidualBranch(Normalization norm, Linear first, Linear second)
{
    private const int Parts = 3;

    /// <summary>What f is; <see langword="null"/>: attention of queries, keys and values.</summary>
    public FeedForwardKind? Activation { get; init; }

    /// <summary>The heads of attention.</summary>
    public int Heads { get; init; }

    /// <summary>Whether a position attends to itself and those before it alone.</summary>
    public bool IsCausal { get; init; }

    /// <summary>Whether the operation can be used, and is faster than those of the layers: where something is learned.</summary>
    /// <param name="x">[batch, time, width].</param>
    public bool IsFast(Tensor x) => MatrixProduct.IsFast && CanUse(x) && LinearProduct.IsFast(RowsOf(x), first.Weight.Plain!)
        && LinearProduct.IsFast(RowsOf(x), second.Weight.Plain!);

    /// <summary>Whether the operation can be used.</summary>
    /// <inheritdoc cref="IsFast" path="/param"/>
    public bool CanUse(Tensor x) => MatrixProduct.IsSupported && is_grad_enabled() && MixedPrecision.Current is null
        && !OutputShapes.AreNoted && CpuKernels.CanUse(x) && x.numel() > 0 && RowsOf(x) <= int.MaxValue && CanUse(first)
        && CanUse(second) && CpuKernels.CanUse(norm.Gain) && (Activation is not null || CanAttend(x));

    /// <summary>Computes it: [batch, time, width].</summary>
    /// <inheritdoc cref="IsFast" path="/param"/>
    public Tensor Apply(Tensor x)
    {
        Tensor?[] all = [x, norm.Gain, first.Weight.Plain, second.Weight.Plain, norm.Bias, first.Bias, second.Bias];
        Tensor[] tensors = [.. all.OfType<Tensor>()];
        var form = new Form(
            norm.Kind, norm.Epsilon, norm.Bias is not null, first.Bias is not null, second.Bias is not null, Activation, Heads, IsCausal,
            [.. tensors.Select(tensor => tensor.requires_grad)]);
        return Branch.Call([.. tensors, form]);
    }

    private static long RowsOf(Tensor x) => x.numel() / x.size(-1);

    private static bool CanUse(Linear layer) => !layer.HasAdapter && layer.Weight.Plain is { } weight && CpuKernels.CanUse(weight)
        && weight.is_contiguous() && weight.size(0) % MatrixKernel.Lanes == 0 && weight.size(1) % MatrixKernel.Lanes == 0;

    private bool CanAttend(Tensor x) => x.dim() == 3 && x.size(1) <= ShortAttention.LongestTime
        && second.Weight.Shape[1] % (Heads * MatrixKernel.Lanes) == 0 && first.Weight.Shape[0] == Parts * second.Weight.Shape[1];

    private sealed record Form(
        NormalizationKind Kind, double Epsilon, bool HasNormBias, bool HasFirstBias, bool HasSecondBias, FeedForwardKind? Activation,
        int Heads, bool IsCausal, bool[] Needs);

    // The tensors that an operation is called with, in their order.
    private readonly struct Inputs
    {
        public readonly Tensor X, Gain, First, Second;
        public readonly Tensor? NormBias, FirstBias, SecondBias;
        public readonly int Count;

        public Inputs(IReadOnlyList<Tensor> tensors, Form form)
        {
            (X, Gain, First, Second, Count) = (tensors[0], tensors[1], tensors[2], tensors[3], 4);
            NormBias = form.HasNormBias ? tensors[Count++] : null;
            FirstBias = form.HasFirstBias ? tensors[Count++] : null;
            SecondBias = form.HasSecondBias ? tensors[Count++] : null;
        }

        public (int Width, int Projected, int Hidden) Sizes =>
            (checked((int)Gain.size(0)), checked((int)First.size(0)), checked((int)Second.size(1)));

        public int Rows => checked((int)RowsOf(X));

        public BranchWork Work(Form form)
        {
            (int width, int projected, int hidden) = Sizes;
            return new BranchWork
            {
                Rows = Rows,
                Width = width,
                Projected = projected,
                Hidden = hidden,
                Activation = form.Activation,
                Norm = new NormalizationKernel(
                    Floats(Gain), Floats(NormBias), width, form.Kind == NormalizationKind.LayerNorm, form.Epsilon),
                FirstBias = Floats(FirstBias),
                SecondBias = Floats(SecondBias),
                Input = Floats(X),
            };
        }

        public AttentionWork Attention(Form form, float* all, float* output)
        {
            (_, _, int hidden) = Sizes;
            AttentionWork work = AttentionWork.Packed(
                all, output, checked((int)X.size(0)), (int)X.size(1), form.Heads, hidden / form.Heads);
            (work.Scale, work.IsCausal) = (ScaleOf(hidden, form), form.IsCausal);
            return work;
        }
    }

    private static float ScaleOf(int hidden, Form form) => (float)(1 / Math.Sqrt(hidden / form.Heads));

    private sealed class Branch : GradientFunction<Branch>
    {
        private const string StateName = "state";

        public override string Name => nameof(ResidualBranch);

        protected override Tensor Compute(autograd.AutogradContext ctx, object[] vars)
        {
            Tensor[] tensors = [.. vars.OfType<Tensor>()];
            var form = (Form)vars[^1];
            var inputs = new Inputs(tensors, form);
            (int width, int projected, int hidden) = inputs.Sizes;
            BranchWork work = inputs.Work(form);
            Tensor output = empty(inputs.X.shape), projection = empty(work.Rows, projected), values = empty(work.Rows, hidden);
            work.Output = Floats(output);
            work.Projection = Floats(projection);
            work.Values = Floats(values);
            float[] logSums = form.Activation is null ? new float[(long)work.Rows * form.Heads] : [];
            using KernelMemory.Block memory = KernelMemory.Take((nint)width * (projected + hidden));
            work.First = new PackedMatrix(
                MatrixView.Rows(Floats(inputs.First), width).Transposed(), width, projected, memory.Start);
            work.Second = new PackedMatrix(
                MatrixView.Rows(Floats(inputs.Second), hidden).Transposed(), hidden, width, memory.Start + (nint)width * projected);
            PackedMatrix.Pack(work.First, work.Second);
            BranchKernel.Enter(work);
            if (form.Activation is null)
            {
                AttentionWork attention = inputs.Attention(form, work.Projection, work.Values);
                fixed (float* sums = logSums)
                {
                    attention.LogSums = sums;
                    AttentionKernel.Forward(attention);
                }
            }

            BranchKernel.Leave(work);
            // Values of a non-linearity are known again when its derivative is.
            Tensor[] kept = form.Activation is null ? [projection, values] : [projection];
            // They are saved after the call has returned.
            ctx.save_for_backward([.. tensors, .. kept.Select(tensor => tensor.MoveToOuterDisposeScope())]);
            ctx.save_data(StateName, (form, logSums));
            return output;
        }

        protected override List<Tensor> Gradients(autograd.AutogradContext ctx, List<Tensor> saved, Tensor gradient)
        {
            (Form form, float[] logSums) = ((Form, float[]))ctx.get_data(StateName);
            var inputs = new Inputs(saved, form);
            Tensor?[] found = is_grad_enabled()
                ? Differentiable(saved.Take(inputs.Count), inputs, form, gradient)
                : Compute(inputs, form, saved, logSums, gradient.contiguous());
            return [.. found.Zip(form.Needs, (tensor, isNeeded) => isNeeded ? tensor! : null!), null!];
        }

        private static Tensor?[] Compute(Inputs inputs, Form form, List<Tensor> saved, float[] logSums, Tensor gradient)
        {
            (int width, int projected, int hidden) = inputs.Sizes;
            BranchWork work = inputs.Work(form);
            int rows = work.Rows, blocks = BranchKernel.Blocks(rows);
            nint weights = (nint)width * (projected + hidden), gains = (nint)blocks * width;
            // What is not returned is in memory that the thread keeps.
            using KernelMemory.Block memory = KernelMemory.Take(weights + 2 * gains + (nint)rows * (width + projected + hidden));
            work.First = new PackedMatrix(MatrixView.Rows(Floats(inputs.First), width), projected, width, memory.Start);
            work.Second = new PackedMatrix(
                MatrixView.Rows(Floats(inputs.Second), hidden), width, hidden, memory.Start + (nint)width * projected);
            work.GainGradients = memory.Start + weights;
            work.BiasGradients = form.HasNormBias ? work.GainGradients + gains : null;
            work.Normalized = work.GainGradients + 2 * gains;
            work.ProjectionGradient = work.Normalized + (nint)rows * width;
            float* hiddenValues = work.ProjectionGradient + (nint)rows * projected;
            Tensor xGradient = empty(inputs.X.shape);
            work.Projection = Floats(saved[inputs.Count]);
            work.OutputGradient = Floats(gradient);
            work.InputGradient = Floats(xGradient);
            work.Values = form.Activation is null ? Floats(saved[inputs.Count + 1]) : hiddenValues;
            work.ValueGradient = hiddenValues;

            PackedMatrix.Pack(work.First, work.Second);
            BranchKernel.DeriveLeaving(work);
            if (form.Activation is null)
            {
                AttentionWork attention = inputs.Attention(form, work.Projection, work.Values);
                AttentionWork gradients = inputs.Attention(form, work.ProjectionGradient, work.ValueGradient);
                (attention.QueryGradients, attention.KeyGradients, attention.ValueGradients, attention.OutputGradient) =
                    (gradients.Queries, gradients.Keys, gradients.Values, gradients.Output);
                fixed (float* sums = logSums)
                {
                    attention.LogSums = sums;
                    AttentionKernel.Backward(attention);
                }
            }

            BranchKernel.DeriveEntering(work);
            // Weights that are not learned, as beside adapters, cost nothing.
            bool learnsFirst = form.Needs[2], learnsSecond = form.Needs[3];
            List<Tensor?> all =
            [
                xGradient,
                LinearProduct.SumRows(work.GainGradients, blocks, width),
                learnsFirst ? LinearProduct.WeightGradient(work.ProjectionGradient, work.Normalized, rows, projected, width) : null,
                learnsSecond ? LinearProduct.WeightGradient(work.OutputGradient, work.Values, rows, width, hidden) : null,
            ];
            if (form.HasNormBias)
                all.Add(LinearProduct.SumRows(work.BiasGradients, blocks, width));
            if (form.HasFirstBias)
                all.Add(LinearProduct.SumRows(work.ProjectionGradient, rows, projected));
            if (form.HasSecondBias)
                all.Add(LinearProduct.SumRows(work.OutputGradient, rows, width));
            return [.. all];
        }

        // For gradients of gradients: what libtorch can derive again.
        private static Tensor?[] Differentiable(IEnumerable<Tensor> tensors, Inputs inputs, Form form, Tensor gradient)
        {
            (_, _, int hidden) = inputs.Sizes;
            Tensor normalized = Normalization.Apply(form.Kind, inputs.X, inputs.Gain, inputs.NormBias, form.Epsilon);
            Tensor projection = F.linear(normalized, inputs.First, inputs.FirstBias); // [.., projected]
            Tensor values = form.Activation is { } kind
                ? kind.Activate(projection)
                : ShortAttention.Compose(
                    projection.view(inputs.X.size(0), inputs.X.size(1), Parts * form.Heads, -1), ScaleOf(hidden, form), form.IsCausal)
                    .flatten(2); // [batch, time, hidden]
            Tensor output = inputs.X.Plus(F.linear(values, inputs.Second, inputs.SecondBias));
            return DeriveAgain(output, tensors, form.Needs, gradient);
        }
    }
}
