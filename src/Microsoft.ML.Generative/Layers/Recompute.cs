using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// Gradient checkpointing (Chen, Xu, Zhang, Guestrin 2016): a part of a network that keeps nothing but its input for the backward pass
/// and computes the rest a second time. Costs one more forward pass of the part, saves the memory of what happens inside it.
/// </summary>
internal static class Recompute
{
    /// <summary>
    /// The value of <paramref name="segment"/>, with gradients for its input and for the parameters that it uses.
    /// </summary>
    /// <param name="segment">
    /// Gives the same for the same input. It may draw the noise of <see cref="SeededDropout"/>, whose generator is put back for the
    /// second time, but no other; and it must not change buffers, for it would change them twice.
    /// </param>
    /// <param name="input">Its input.</param>
    public static Tensor Call(Func<Tensor, Tensor> segment, Tensor input)
    {
        if (!is_grad_enabled())
            return segment(input);

        // The parameters are hidden inside the segment: the graph needs an input that asks for a gradient, or it would not come back here.
        Tensor anchor = zeros(0, requires_grad: true);
        return Segment.Call(input, anchor, segment);
    }

    private sealed class Segment : GradientFunction<Segment>
    {
        private const string State = "state";

        public override string Name => nameof(Recompute);

        protected override Tensor Compute(autograd.AutogradContext ctx, object[] vars)
        {
            var input = (Tensor)vars[0];
            var segment = (Func<Tensor, Tensor>)vars[2];
            ctx.save_for_backward([input]);
            Tensor state = StateOf(SeededDropout.Current).DetachFromDisposeScope();
            ctx.save_data(State, new Saved(segment, MixedPrecision.Current, SeededDropout.Current, state));
            return segment(input.detach());
        }

        protected override List<Tensor> Gradients(autograd.AutogradContext ctx, List<Tensor> tensors, Tensor gradient)
        {
            var saved = (Saved)ctx.get_data(State);
            using IDisposable gradients = enable_grad();
            using IDisposable precision = MixedPrecision.Scope(saved.Type);
            using IDisposable dropout = SeededDropout.Scope(saved.Generator);
            using Tensor state = StateOf(saved.Generator);
            Tensor original = tensors[0];
            Tensor input = original.detach().requires_grad_(original.is_floating_point());
            Tensor output;
            try
            {
                SetState(saved.Generator, saved.State);
                output = saved.Segment(input);
            }
            finally
            {
                SetState(saved.Generator, state);
                saved.State.Dispose();
            }

            // Adds to the gradients of the parameters directly.
            output.backward([gradient]);
            return [original.requires_grad ? input.grad! : null!, null!, null!];
        }
    }

    private static Tensor StateOf(Generator? generator) => generator?.get_state() ?? random.get_rng_state();

    private static void SetState(Generator? generator, Tensor state)
    {
        if (generator is null)
            random.set_rng_state(state);
        else
            generator.set_state(state);
    }

    private sealed record Saved(Func<Tensor, Tensor> Segment, ScalarType? Type, Generator? Generator, Tensor State);
}
