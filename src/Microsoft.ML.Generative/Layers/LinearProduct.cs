using Microsoft.ML.Generative.Runtime.Kernels;
using TorchSharp;
using static Microsoft.ML.Generative.Runtime.TensorMemory;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Layers;

/// <summary>x Wᵀ + b as one operation with gradients, by <see cref="MatrixProduct"/>.</summary>
internal static unsafe class LinearProduct
{
    // Below these sizes, calls and the order in which the weight is brought take longer than is saved.
    private const long FewestRows = 64;
    private const long FewestColumns = 32;

    /// <summary>Whether the kernel computes it, and faster than libtorch.</summary>
    /// <param name="input">[.., inputs].</param>
    /// <param name="weight">[outputs, inputs].</param>
    public static bool IsFast(Tensor input, Tensor weight) => CanUse(input, weight) && IsFast(input.numel() / weight.size(1), weight);

    /// <summary>Whether the kernel is faster than libtorch.</summary>
    /// <param name="rows">Rows of the input.</param>
    /// <param name="weight">[outputs, inputs].</param>
    public static bool IsFast(long rows, Tensor weight) => MatrixProduct.IsFast
        && weight.size(0) >= FewestColumns && weight.size(1) >= FewestColumns && rows >= FewestRows;

    /// <summary>Whether the kernel can be used.</summary>
    /// <inheritdoc cref="IsFast(Tensor, Tensor)" path="/param"/>
    public static bool CanUse(Tensor input, Tensor weight) => MatrixProduct.IsSupported && CpuKernels.CanUse(input)
        && CpuKernels.CanUse(weight) && weight.dim() == 2 && weight.is_contiguous() && input.numel() > 0 && weight.numel() > 0
        && input.numel() / weight.size(1) <= int.MaxValue;

    /// <summary>Computes it.</summary>
    /// <inheritdoc cref="IsFast(Tensor, Tensor)" path="/param"/>
    /// <param name="input">[.., inputs].</param>
    /// <param name="weight">[outputs, inputs].</param>
    /// <param name="bias">[outputs], or <see langword="null"/>.</param>
    /// <returns>[.., outputs].</returns>
    public static Tensor Apply(Tensor input, Tensor weight, Tensor? bias)
    {
        var needs = new Needs(input.requires_grad, weight.requires_grad, bias is not null && bias.requires_grad);
        if (is_grad_enabled() && (needs.Input || needs.Weight || needs.Bias))
            return bias is null ? Product.Call(input, weight, needs) : Product.Call(input, weight, needs, bias);
        using DisposeScope scope = NewDisposeScope();
        return Forward(input, weight, bias).MoveToOuterDisposeScope();
    }

    private static Tensor Forward(Tensor input, Tensor weight, Tensor? bias)
    {
        long[] shape = input.shape;
        (int outputs, int inputs) = SizesOf(weight);
        shape[^1] = outputs;
        Tensor result = empty(shape);
        MatrixProduct.Multiply(
            MatrixView.Rows(Floats(input), inputs), MatrixView.Rows(Floats(weight), inputs).Transposed(), Floats(bias),
            Floats(result), (int)(input.numel() / inputs), inputs, outputs);
        return result;
    }

    /// <summary>The gradient of a weight, [outputs, inputs].</summary>
    /// <param name="gradients">Those of the outputs, [rows, outputs].</param>
    /// <param name="values">The inputs, [rows, inputs].</param>
    /// <param name="rows">Rows.</param>
    /// <param name="outputs">Outputs.</param>
    /// <param name="inputs">Inputs.</param>
    public static Tensor WeightGradient(float* gradients, float* values, int rows, int outputs, int inputs)
    {
        Tensor result = empty(outputs, inputs);
        MatrixProduct.Multiply(
            MatrixView.Rows(gradients, outputs).Transposed(), MatrixView.Rows(values, inputs), null, Floats(result), outputs, rows, inputs);
        return result;
    }

    /// <summary>The sums of columns, as the gradient of a bias is one: [columns].</summary>
    /// <param name="values">[rows, columns].</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    public static Tensor SumRows(float* values, int rows, int columns)
    {
        Tensor result = empty(columns);
        MatrixProduct.SumRows(values, Floats(result), rows, columns);
        return result;
    }

    private static (int Outputs, int Inputs) SizesOf(Tensor weight) =>
        (checked((int)weight.size(0)), checked((int)weight.size(1)));

    private sealed record Needs(bool Input, bool Weight, bool Bias);

    private sealed class Product : GradientFunction<Product>
    {
        private const string StateName = "state";

        public override string Name => nameof(LinearProduct);

        protected override Tensor Compute(autograd.AutogradContext ctx, object[] vars)
        {
            (Tensor input, Tensor weight, var needs) = ((Tensor)vars[0], (Tensor)vars[1], (Needs)vars[2]);
            ctx.save_for_backward([input, weight]);
            ctx.save_data(StateName, (needs, vars.Length));
            return Forward(input, weight, vars.Length > 3 ? (Tensor)vars[3] : null);
        }

        protected override List<Tensor> Gradients(autograd.AutogradContext ctx, List<Tensor> saved, Tensor gradient)
        {
            (Needs needs, int count) = ((Needs, int))ctx.get_data(StateName);
            (Tensor? input, Tensor? weight, Tensor? bias) = is_grad_enabled()
                ? Differentiable(needs, saved[0], saved[1], gradient)
                : Compute(needs, saved[0], saved[1], gradient.contiguous());
            return [.. new[] { input!, weight!, null!, bias! }.Take(count)];
        }

        private static (Tensor? Input, Tensor? Weight, Tensor? Bias) Compute(Needs needs, Tensor input, Tensor weight, Tensor gradient)
        {
            (int outputs, int inputs) = SizesOf(weight);
            int rows = (int)(gradient.numel() / outputs);
            MatrixView gradients = MatrixView.Rows(Floats(gradient), outputs);
            (Tensor? Input, Tensor? Weight, Tensor? Bias) result = default;
            if (needs.Input)
            {
                result.Input = empty(input.shape);
                MatrixProduct.Multiply(
                    gradients, MatrixView.Rows(Floats(weight), inputs), null, Floats(result.Input), rows, outputs, inputs);
            }

            if (needs.Weight)
                result.Weight = WeightGradient(gradients.Start, Floats(input), rows, outputs, inputs);
            if (needs.Bias)
                result.Bias = SumRows(gradients.Start, rows, outputs);
            return result;
        }

        // For gradients of gradients: what libtorch can derive again.
        private static (Tensor? Input, Tensor? Weight, Tensor? Bias) Differentiable(
            Needs needs, Tensor input, Tensor weight, Tensor gradient)
        {
            (int outputs, int inputs) = SizesOf(weight);
            Tensor gradients = gradient.reshape(-1, outputs); // [rows, outputs]
            return (
                needs.Input ? F.linear(gradient, weight.t()) : null,
                needs.Weight ? gradients.t().mm(input.reshape(-1, inputs)) : null,
                needs.Bias ? gradients.sum([0L]) : null);
        }
    }
}
