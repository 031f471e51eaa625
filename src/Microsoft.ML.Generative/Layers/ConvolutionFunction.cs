using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>A convolution of images by kernels of the library, with gradients, and with gradients of gradients by libtorch.</summary>
/// <typeparam name="TFunction">The type itself, which says how the convolution is computed.</typeparam>
internal abstract class ConvolutionFunction<TFunction> : GradientFunction<TFunction>
    where TFunction : ConvolutionFunction<TFunction>, IConvolution, new()
{
    private const string SettingsName = "settings";

    /// <summary>Convolves images.</summary>
    /// <param name="input">[batch, channels, height, width].</param>
    /// <param name="weight">The kernels.</param>
    /// <param name="bias">One value for each channel of the result, or <see langword="null"/>.</param>
    /// <param name="isVariant">Which of the function's two convolutions it is.</param>
    public static Tensor Apply(Tensor input, Tensor weight, Tensor? bias, bool isVariant)
    {
        var needs = new ConvolutionNeeds(input.requires_grad, weight.requires_grad, bias?.requires_grad ?? false, isVariant);
        if (!is_grad_enabled() || !(needs.Input || needs.Weight || needs.Bias))
            return TFunction.Forward(input, weight, bias, isVariant);
        return bias is null ? Call(input, weight, needs) : Call(input, weight, needs, bias);
    }

    protected sealed override Tensor Compute(autograd.AutogradContext ctx, object[] vars)
    {
        (Tensor input, Tensor weight, var needs) = ((Tensor)vars[0], (Tensor)vars[1], (ConvolutionNeeds)vars[2]);
        ctx.save_for_backward([input, weight]);
        ctx.save_data(SettingsName, (needs, vars.Length));
        return TFunction.Forward(input, weight, vars.Length > 3 ? (Tensor)vars[3] : null, needs.IsVariant);
    }

    protected sealed override List<Tensor> Gradients(autograd.AutogradContext ctx, List<Tensor> saved, Tensor gradient)
    {
        (ConvolutionNeeds needs, int count) = ((ConvolutionNeeds, int))ctx.get_data(SettingsName);
        (Tensor? input, Tensor? weight, Tensor? bias) = is_grad_enabled()
            ? TFunction.DifferentiableGradients(needs, saved[0], saved[1], gradient)
            : TFunction.Gradients(needs, saved[0], saved[1], gradient.contiguous());
        return [.. new[] { input!, weight!, null!, bias! }.Take(count)];
    }
}
