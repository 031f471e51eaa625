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
    /// Gives the same for the same input. It may draw the noise of <see cref="SeededDropout"/>, whose generator is put back for the
    /// second time, but no other; and it must not change buffers, for it would change them twice.
    /// </param>
    /// <param name="input">Its input.</param>
    public static Tensor Call(Func<Tensor, Tensor> segment, Tensor input) => Call(inputs => segment(inputs[0]), [input]);

    /// <summary>
    /// The value of <paramref name="segment"/>, with gradients for its inputs and for the parameters that it uses. What else it uses that
    /// has a gradient, such as the output of another part of the network, has to be among the inputs.
    /// </summary>
    /// <param name="segment">As the other overload takes it.</param>
    /// <param name="inputs">Its inputs.</param>
    public static Tensor Call(Func<IReadOnlyList<Tensor>, Tensor> segment, Tensor[] inputs)
    {
        if (!is_grad_enabled())
            return segment(inputs);

        // The parameters are hidden inside the segment: the graph needs an input that asks for a gradient, or it would not come back here.
        Tensor anchor = zeros(0, device: inputs[0].device, requires_grad: true);
        return Segment.Call([anchor, segment, .. inputs]);
    }

    private sealed class Segment : GradientFunction<Segment>
    {
        private const string State = "state";

        public override string Name => nameof(Recompute);

        protected override Tensor Compute(autograd.AutogradContext ctx, object[] vars)
        {
            var segment = (Func<IReadOnlyList<Tensor>, Tensor>)vars[1];
            Tensor[] inputs = [.. vars.Skip(2).Cast<Tensor>()];
            ctx.save_for_backward([.. inputs]);
            // Outside of trainings, the segment has a generator of its own: libtorch's is the process's, and cannot be put back.
            Generator generator = SeededDropout.Current ?? NewGenerator();
            using IDisposable dropout = SeededDropout.Scope(generator);
            INoise noise = inputs[0].device_type == DeviceType.CPU ? new GeneratorNoise(generator) : new DeviceNoise(generator);
            ctx.save_data(State, new Saved(segment, MixedPrecision.Current, generator, noise));
            return segment([.. inputs.Select(input => input.detach())]);
        }

        protected override List<Tensor> Gradients(autograd.AutogradContext ctx, List<Tensor> tensors, Tensor gradient)
        {
            var saved = (Saved)ctx.get_data(State);
            using IDisposable gradients = enable_grad();
            using IDisposable precision = MixedPrecision.Scope(saved.Type);
            using IDisposable dropout = SeededDropout.Scope(saved.Generator);
            Tensor[] inputs = [.. tensors.Select(original => original.detach().requires_grad_(original.is_floating_point()))];
            Tensor output;
            using (saved.Noise.Again())
                output = saved.Segment(inputs);

            // Adds to the gradients of the parameters directly.
            output.backward([gradient]);
            return [null!, null!, .. tensors.Zip(inputs, (original, input) => original.requires_grad ? input.grad! : null!)];
        }
    }

    // The noise of a segment, which is to be drawn a second time.
    private interface INoise
    {
        IDisposable? Again();
    }

    /// <summary>The noise of a generator on the CPU: its state is put back, and afterwards the one that it had come to.</summary>
    private sealed class GeneratorNoise(Generator generator) : INoise
    {
        private readonly Tensor _state = generator.get_state().DetachFromDisposeScope();

        public IDisposable? Again()
        {
            var later = new Later(generator, generator.get_state().DetachFromDisposeScope());
            generator.set_state(_state);
            _state.Dispose();
            return later;
        }

        private sealed class Later(Generator generator, Tensor state) : IDisposable
        {
            public void Dispose()
            {
                generator.set_state(state);
                state.Dispose();
            }
        }
    }

    /// <summary>
    /// The noise of a GPU, whose generator's state TorchSharp cannot read: the segment begins with a seed of its own, which follows from
    /// the training's.
    /// </summary>
    private sealed class DeviceNoise : INoise
    {
        private readonly long _seed;

        public DeviceNoise(Generator generator)
        {
            _seed = NewSeed(generator);
            SeededDropout.Reseed(_seed);
        }

        // What is drawn after the backward pass has seeds of its own.
        public IDisposable? Again()
        {
            SeededDropout.Reseed(_seed);
            return null;
        }
    }

    private static Generator NewGenerator() => new((ulong)NewSeed(null));

    private static long NewSeed(Generator? generator)
    {
        using Tensor drawn = randint(0, long.MaxValue, [1], ScalarType.Int64, generator: generator);
        return drawn.ToInt64();
    }

    private sealed record Saved(Func<IReadOnlyList<Tensor>, Tensor> Segment, ScalarType? Type, Generator Generator, INoise Noise);
}
