using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// The identity, which reports its gradient. libtorch computes gradients in the opposite order of the operations, and adds those of
/// parameters as soon as they are known: when the gradient comes here, all operations since then have theirs.
/// </summary>
internal static class GradientTap
{
    /// <summary>The input itself.</summary>
    /// <param name="input">A tensor that has a gradient.</param>
    /// <param name="reached">Called in each backward pass that computes this gradient.</param>
    public static Tensor Pass(Tensor input, Action reached) => Tap.Call(input, reached);

    private sealed class Tap : GradientFunction<Tap>
    {
        private const string ReachedName = "reached";

        public override string Name => nameof(GradientTap);

        protected override Tensor Compute(autograd.AutogradContext ctx, object[] vars)
        {
            ctx.save_data(ReachedName, vars[1]);
            return ((Tensor)vars[0]).detach();
        }

        protected override List<Tensor> Gradients(autograd.AutogradContext ctx, List<Tensor> saved, Tensor gradient)
        {
            ((Action)ctx.get_data(ReachedName))();
            return [gradient.alias(), null!];
        }
    }
}
