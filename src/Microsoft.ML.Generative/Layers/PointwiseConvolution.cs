using Microsoft.ML.Generative.Runtime.Kernels;
using TorchSharp;
using static Microsoft.ML.Generative.Runtime.TensorMemory;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// A 1×1 convolution, and what is added to its result, as one operation with gradients, by <see cref="PointwiseKernel"/>.
/// </summary>
internal static unsafe class PointwiseConvolution
{
    // Weights that stay in a core's second-level cache, and whose sums of parts of a batch take little memory.
    private const long MostWeights = 1 << 17;

    /// <summary>
    /// Whether the kernel computes it, and faster than libtorch. That depends on a row's sizes alone, so that a row's result is the same
    /// in each batch.
    /// </summary>
    /// <param name="input">[batch, channels, height, width].</param>
    /// <param name="weight">[outputs, inputs, 1, 1].</param>
    /// <param name="beside">Further channels, which follow those of the input, or <see langword="null"/>.</param>
    public static bool IsFast(Tensor input, Tensor weight, Tensor? beside = null) =>
        MatrixProduct.IsFast && CanUse(input, weight, beside);

    /// <summary>Whether the kernel can be used.</summary>
    /// <inheritdoc cref="IsFast" path="/param"/>
    public static bool CanUse(Tensor input, Tensor weight, Tensor? beside = null) => MatrixProduct.IsSupported
        && CpuKernels.CanUse(weight) && weight.numel() <= MostWeights && weight.size(0) % MatrixKernel.Lanes == 0
        && input.size(1) + (beside?.size(1) ?? 0) == weight.size(1) && CanUse(input) && (beside is null || CanUse(beside));

    private static bool CanUse(Tensor input) => CpuKernels.CanUse(input) && input.dim() == 4 && input.numel() > 0
        && input.size(1) % MatrixKernel.Lanes == 0 && input.size(2) * input.size(3) % MatrixKernel.Lanes == 0;

    /// <summary>Convolves images.</summary>
    /// <param name="inputs">The images, the weights, and what is added.</param>
    public static Tensor Apply(Inputs inputs)
    {
        if (is_grad_enabled() && inputs.Needs.Any(needed => needed))
            return Convolution.Call([inputs.Form, .. inputs.All]);
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        return Forward(inputs).MoveToOuterDisposeScope();
    }

    private static Tensor Forward(Inputs inputs)
    {
        Tensor output = empty(inputs.First.size(0), inputs.Weight.size(0), inputs.First.size(2), inputs.First.size(3));
        PointwiseKernel.Convolve(
            Floats(inputs.First), Floats(inputs.Beside), MatrixView.Rows(Floats(inputs.Weight), (nint)inputs.Weight.size(1)),
            Floats(inputs.Bias), Floats(inputs.Added), Floats(output), inputs.Shape);
        return output;
    }

    /// <param name="First">[batch, channels, height, width].</param>
    /// <param name="Weight">[outputs, inputs, 1, 1].</param>
    /// <param name="Beside">Further channels, which follow the first ones, or <see langword="null"/>.</param>
    /// <param name="Bias">[outputs], or <see langword="null"/>.</param>
    /// <param name="Added">What is added to the result, [batch, outputs, height, width], or <see langword="null"/>.</param>
    public readonly record struct Inputs(
        Tensor First, Tensor Weight, Tensor? Beside = null, Tensor? Bias = null, Tensor? Added = null)
    {
        /// <summary>All tensors that there are.</summary>
        public Tensor[] All => [First, Weight, .. ((Tensor?[])[Beside, Bias, Added]).OfType<Tensor>()];

        /// <summary>Which of <see cref="All"/> have gradients.</summary>
        public bool[] Needs => [.. All.Select(tensor => tensor.requires_grad)];

        /// <summary>Which of the optional tensors there are.</summary>
        public Optional Form => new(Beside is not null, Bias is not null, Added is not null);

        public PointwiseShape Shape => new(
            checked((int)First.size(0)), (int)Weight.size(1), (int)Weight.size(0), checked((int)(First.size(2) * First.size(3))),
            (int)First.size(1));

        /// <summary>The inputs, of <see cref="All"/> and <see cref="Form"/>.</summary>
        public static Inputs Of(IReadOnlyList<Tensor> all, Optional form)
        {
            int next = 2;
            return new(all[0], all[1], Next(form.Beside), Next(form.Bias), Next(form.Added));

            Tensor? Next(bool isThere) => isThere ? all[next++] : null;
        }
    }

    /// <summary>Which of the optional tensors there are.</summary>
    public readonly record struct Optional(bool Beside, bool Bias, bool Added);

    private sealed class Convolution : GradientFunction<Convolution>
    {
        private const string StateName = "state";

        public override string Name => nameof(PointwiseConvolution);

        protected override Tensor Compute(autograd.AutogradContext ctx, object[] vars)
        {
            var form = (Optional)vars[0];
            Inputs inputs = Inputs.Of([.. vars.OfType<Tensor>()], form);
            ctx.save_for_backward([.. (inputs with { Bias = null, Added = null }).All]);
            ctx.save_data(StateName, (form, inputs.Needs));
            return Forward(inputs);
        }

        protected override List<Tensor> Gradients(autograd.AutogradContext ctx, List<Tensor> saved, Tensor gradient)
        {
            (Optional form, bool[] needs) = ((Optional, bool[]))ctx.get_data(StateName);
            Inputs inputs = Inputs.Of(saved, form with { Bias = false, Added = false });
            Tensor?[] found = is_grad_enabled() ? Differentiable(inputs, form, gradient) : Compute(inputs, form, needs, gradient);
            return [null!, .. found.Zip(needs, (tensor, isNeeded) => isNeeded ? tensor! : null!)];
        }

        private static Tensor?[] Compute(Inputs inputs, Optional form, bool[] needs, Tensor gradient)
        {
            PointwiseShape shape = inputs.Shape;
            float* gradients = Floats(gradient);
            Tensor weights = empty(inputs.Weight.shape), biases = empty(shape.Outputs);
            bool needsBias = form.Bias && needs[form.Beside ? 3 : 2];
            if (needs[1] || needsBias)
            {
                PointwiseKernel.WeightGradient(
                    Floats(inputs.First), Floats(inputs.Beside), gradients, Floats(weights), needsBias ? Floats(biases) : null, shape);
            }

            List<Tensor?> all = [needs[0] ? OfInput(inputs.First, 0) : null, weights];
            if (inputs.Beside is not null)
                all.Add(needs[2] ? OfInput(inputs.Beside, shape.FirstInputs) : null);
            if (form.Bias)
                all.Add(biases);
            if (form.Added)
                all.Add(gradient.alias());
            return [.. all];

            Tensor OfInput(Tensor input, int firstChannel)
            {
                Tensor found = empty(input.shape);
                MatrixView turned = MatrixView.Rows(Floats(inputs.Weight), shape.Inputs).Transposed();
                PointwiseKernel.Convolve(
                    gradients, null, turned.From(firstChannel, 0), null, null, Floats(found),
                    new PointwiseShape(shape.Batch, shape.Outputs, (int)input.size(1), shape.Pixels, shape.Outputs));
                return found;
            }
        }

        // For gradients of gradients: what libtorch can derive again.
        private static Tensor?[] Differentiable(Inputs inputs, Optional form, Tensor gradient)
        {
            Tensor[] images = inputs.Beside is null ? [inputs.First] : [inputs.First, inputs.Beside];
            Tensor pixels = gradient.flatten(2); // [batch, outputs, pixels]
            Tensor all = cat([.. images.Select(image => image.flatten(2))], 1); // [batch, inputs, pixels]
            Tensor weights = pixels.matmul(all.transpose(1, 2)).sum([0L]).view(inputs.Weight.shape);
            Tensor[] ofInputs = inputs.Weight.flatten(1).t().matmul(pixels).split([.. images.Select(image => image.size(1))], 1);
            List<Tensor?> found = [ofInputs[0].reshape(inputs.First.shape), weights];
            if (inputs.Beside is not null)
                found.Add(ofInputs[1].reshape(inputs.Beside.shape));
            if (form.Bias)
                found.Add(gradient.sum([0L, 2, 3]));
            if (form.Added)
                found.Add(gradient.alias());
            return [.. found];
        }
    }
}
