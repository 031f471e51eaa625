using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Text.EncoderDecoders;

/// <summary>The encoder of T5 (Raffel et al. 2020): blocks whose positions attend to all others, and a normalization.</summary>
internal sealed class SourceEncoder : nn.Module
{
    private readonly RelativePositionBias relative;
    private readonly ModuleList<TransformerBlock> blocks;
    private readonly Normalization norm;

    private readonly TransformerBlock[] _blocks;

    public SourceEncoder(SequenceToSequenceArchitecture architecture, double dropout, WeightFormat format)
        : base(nameof(SourceEncoder))
    {
        TransformerBlockShape shape = architecture.EncoderBlock with { Format = format };
        relative = new RelativePositionBias(architecture.Relative(isBidirectional: true));
        _blocks = [.. ModuleTensors.Repeat(architecture.Layers, () => new TransformerBlock(shape, dropout))];
        blocks = new ModuleList<TransformerBlock>(_blocks);
        norm = Normalization.Of(shape);
        RegisterComponents();
    }

    public RelativePositionBias Relative => relative;

    public IReadOnlyList<TransformerBlock> Blocks => _blocks;

    public Normalization Norm => norm;

    /// <summary>Whether blocks keep only their input for the backward pass.</summary>
    public bool UsesRecompute { get; init; }

    /// <summary>[batch, time, width] to the same.</summary>
    /// <param name="x">Embedded tokens.</param>
    /// <param name="mask">What is added to scores so that nobody attends to padding, [batch, 1, 1, time]; or nothing.</param>
    public Tensor Forward(Tensor x, Tensor? mask)
    {
        Tensor bias = relative.Bias(x.size(1)); // [1, heads, time, time]
        bias = MixedPrecision.Cast(mask is null ? bias : bias.Plus(mask)); // [batch or 1, heads, time, time]
        foreach (TransformerBlock block in _blocks)
            x = UsesRecompute
                ? Recompute.Call(inputs => block.Forward(inputs[0], bias: inputs[1]), [x, bias])
                : block.Forward(x, bias: bias);
        return norm.call(x);
    }
}
