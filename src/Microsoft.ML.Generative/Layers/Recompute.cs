using TorchSharp;
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
    /// Gives the same for the same input. It may use libtorch's global generator (dropout), which is restored for the second time,
    /// but not from another; and it must not change buffers, for it would change them twice.
    /// </param>
    /// <param name="input">Its input.</param>
    public static Tensor Call(Func<Tensor, Tensor> segment, Tensor input)
    {
        if (!is_grad_enabled())
            return segment(input);

        // The parameters are hidden inside the segment: the graph needs an input that asks for a gradient, or it would not come back here.
        Tensor anchor = zeros(0, requires_grad: true);
        return Segment.apply(input, anchor, segment);
    }

    private sealed class Segment : autograd.SingleTensorFunction<Segment>
    {
        private const string State = "state";

        public override string Name => nameof(Recompute);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var input = (Tensor)vars[0];
            var segment = (Func<Tensor, Tensor>)vars[2];
            ctx.save_for_backward([input]);
            ctx.save_data(State, new Saved(segment, MixedPrecision.Current, random.get_rng_state().DetachFromDisposeScope()));
            using DisposeScope scope = NewDisposeScope();
            return segment(input.detach()).MoveToOuterDisposeScope();
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            var saved = (Saved)ctx.get_data(State);
            using DisposeScope scope = NewDisposeScope();
            using IDisposable gradients = enable_grad();
            using IDisposable precision = MixedPrecision.Scope(saved.Type);
            using Tensor generator = random.get_rng_state();
            Tensor original = ctx.get_saved_variables()[0];
            Tensor input = original.detach().requires_grad_(original.is_floating_point());
            Tensor output;
            try
            {
                random.set_rng_state(saved.Generator);
                output = saved.Segment(input);
            }
            finally
            {
                random.set_rng_state(generator);
                saved.Generator.Dispose();
            }

            // Adds to the gradients of the parameters directly.
            output.backward([grad_output]);
            return [original.requires_grad ? input.grad!.MoveToOuterDisposeScope() : null!, null!, null!];
        }
    }

    private sealed record Saved(Func<Tensor, Tensor> Segment, ScalarType? Type, Tensor Generator);
}
