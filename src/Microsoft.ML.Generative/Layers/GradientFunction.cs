using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// An operation with gradients of its own, of which nothing outlives a call but its result and what it saves for the way back.
/// </summary>
/// <remarks>
/// TorchSharp's own class keeps an empty tensor of the result's size, and hands over and takes gradients whose handles last as long as
/// the caller's dispose scope, which is a whole step: libtorch's own operations hold a gradient for the next operation only.
/// </remarks>
internal abstract class GradientFunction<TFunction> : autograd.SingleTensorFunction<TFunction>
    where TFunction : GradientFunction<TFunction>, new()
{
    private const string CountName = "count";

    /// <summary>Calls the function.</summary>
    /// <param name="vars">What <see cref="Compute"/> receives; tensors among them may have gradients.</param>
    public static Tensor Call(params object[] vars)
    {
        using DisposeScope scope = NewDisposeScope();
        return apply(vars).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public sealed override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        // The empty tensor is not there to be filled with zeros.
        ctx.set_materialize_grads(false);
        ctx.save_data(CountName, vars.Length);
        using DisposeScope scope = NewDisposeScope();
        return Compute(ctx, vars).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public sealed override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        ReturnedGradients.Release();
        // Nothing follows from the result.
        if (grad_output.IsInvalid)
            return [.. Enumerable.Repeat<Tensor>(null!, (int)ctx.get_data(CountName))];
        using DisposeScope scope = NewDisposeScope();
        List<Tensor> gradients = Gradients(ctx, ctx.get_saved_variables(), grad_output);
        ReturnedGradients.Keep(gradients);
        grad_output.Dispose();
        return gradients;
    }

    /// <summary>The gradients of what a function was called with, of which gradients can be taken again.</summary>
    /// <param name="output">The function's result, computed again by libtorch's operations.</param>
    /// <param name="inputs">What it was computed from.</param>
    /// <param name="needs">Which of these have a gradient.</param>
    /// <param name="gradient">The gradient of the result.</param>
    protected static Tensor?[] DeriveAgain(Tensor output, IEnumerable<Tensor> inputs, IReadOnlyList<bool> needs, Tensor gradient)
    {
        Tensor[] needed = [.. inputs.Where((_, i) => needs[i])];
        var found = new Queue<Tensor>(autograd.grad([output], needed, [gradient], retain_graph: true, create_graph: true));
        return [.. needs.Select(isNeeded => isNeeded ? found.Dequeue() : null)];
    }

    /// <summary>The result, and what the way back needs.</summary>
    protected abstract Tensor Compute(autograd.AutogradContext ctx, object[] vars);

    /// <summary>The gradients of what the function was called with; <see langword="null"/> for what has none.</summary>
    /// <param name="ctx">What <see cref="Compute"/> has saved.</param>
    /// <param name="saved">Its tensors.</param>
    /// <param name="gradient">The gradient of the result.</param>
    protected abstract List<Tensor> Gradients(autograd.AutogradContext ctx, List<Tensor> saved, Tensor gradient);
}
