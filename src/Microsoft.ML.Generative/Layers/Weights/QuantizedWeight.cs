using System.Buffers;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Layers.Weights;

/// <summary>
/// A weight stored in few bits an element. It is frozen: the gradient reaches the layer's input, and for that the backward pass
/// makes the floats again, so that they are never in memory for all layers at once (QLoRA; Dettmers et al. 2023).
/// </summary>
internal abstract class QuantizedWeight(long[] shape) : Weight(shape)
{
    /// <summary>Creates a weight whose values are not set.</summary>
    /// <param name="shape">[outputs, inputs].</param>
    /// <param name="format">Another format than floats.</param>
    public static QuantizedWeight Create(long[] shape, WeightFormat format) => format switch
    {
        WeightFormat.BFloat16 => new BFloat16Weight(shape),
        WeightFormat.Int8 => new Int8Weight(shape),
        WeightFormat.Nf4 => new Nf4Weight(shape),
        WeightFormat.Q8_0 => new PackedBlockWeight(shape, isFourBits: false),
        WeightFormat.Q4_0 => new PackedBlockWeight(shape, isFourBits: true),
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, "Not a format of quantized weights."),
    };

    /// <summary>Creates a weight in a format of ggml, whose values are not set: one of floats is frozen as all others.</summary>
    /// <param name="shape">[outputs, inputs].</param>
    /// <param name="format">The format.</param>
    /// <param name="name">The name of its tensor in the layer.</param>
    public static Weight Create(long[] shape, BlockFormat format, string name = DenseWeight.Name) =>
        format == BlockFormat.BF16 ? new BFloat16Weight(shape, name)
        : format.BlockSize == 1 ? new DenseWeight(Frozen(ModuleTensors.Empty(shape)), name)
        : format == BlockFormat.Q8_0 || format == BlockFormat.Q4_0 ? new PackedBlockWeight(shape, format == BlockFormat.Q4_0, name)
        : new BlockWeight(shape, format, name);

    /// <summary>The tensors that the weight is stored in.</summary>
    public abstract IReadOnlyList<Tensor> Tensors { get; }

    /// <summary>Quantizes a weight into the tensors of this one.</summary>
    public abstract void Take(Tensor dense);

    /// <summary>Writes the weight as floats, on the device of the weight.</summary>
    /// <param name="floats">Float32, contiguous, [outputs, inputs].</param>
    public abstract void Write(Tensor floats);

    public override Tensor Dense()
    {
        Tensor floats = empty(Shape, device: Tensors[0].device);
        using IDisposable noGradient = no_grad();
        Write(floats);
        return floats;
    }

    public override Tensor Multiply(Tensor input, Tensor? bias)
    {
        Tensor x = MixedPrecision.Cast(input);
        Tensor? added = bias is null ? null : MixedPrecision.Cast(bias);
        // A bias that is learned has a gradient, which takes another tensor of outputs.
        bool learnsBias = is_grad_enabled() && added is { requires_grad: true };
        Tensor? frozen = learnsBias ? null : added;
        Tensor output = is_grad_enabled() && x.requires_grad ? Matmul.Call(x, new Operands(this, frozen)) : Compute(x, frozen);
        return learnsBias ? output.Plus(added!) : output;
    }

    /// <summary>A tensor of the weight as a parameter, which is saved and moved with the layer, and never trained.</summary>
    protected static Parameter Frozen(Tensor values) => nn.Parameter(values, requires_grad: false);

    private Tensor Compute(Tensor x, Tensor? bias)
    {
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        return WithFloats(floats => F.linear(x, floats.to(x.dtype), bias)).MoveToOuterDisposeScope();
    }

    // Memory that is used again and again: from the heap, each layer's floats would leave a hole, of which what is kept for the backward
    // pass takes a part, so that those of the next layer need another one.
    private Tensor WithFloats(Func<Tensor, Tensor> use)
    {
        long count = Shape[0] * Shape[1];
        if (Tensors[0].device_type != DeviceType.CPU || count > Array.MaxLength)
            return use(Dense());
        float[] memory = ArrayPool<float>.Shared.Rent((int)count);
        try
        {
            using Tensor all = frombuffer(memory, ScalarType.Float32, count), floats = all.view(Shape); // [outputs, inputs]
            Write(floats);
            return use(floats);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(memory);
        }
    }

    private sealed record Operands(QuantizedWeight Weight, Tensor? Bias);

    private sealed class Matmul : GradientFunction<Matmul>
    {
        private const string WeightName = "weight";

        public override string Name => nameof(QuantizedWeight);

        protected override Tensor Compute(autograd.AutogradContext ctx, object[] vars)
        {
            (QuantizedWeight weight, Tensor? bias) = (Operands)vars[1];
            ctx.save_data(WeightName, weight);
            return weight.Compute((Tensor)vars[0], bias);
        }

        protected override List<Tensor> Gradients(autograd.AutogradContext ctx, List<Tensor> saved, Tensor gradient)
        {
            var weight = (QuantizedWeight)ctx.get_data(WeightName);
            return [weight.WithFloats(floats => F.linear(gradient, floats.to(gradient.dtype).t())), null!]; // [.., inputs]
        }
    }
}
