using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// Attention of a decoder to the output of an encoder (Vaswani et al. 2017, section 3.2.3), with its normalization before it and a shortcut
/// around it.
/// </summary>
internal sealed class CrossAttention : nn.Module
{
    private readonly Normalization norm;
    private readonly Linear queries;
    private readonly Linear keysValues;
    private readonly Linear output;

    private readonly TransformerBlockShape _shape;
    private readonly double _dropout;

    /// <param name="shape">The form of the block that it is a part of.</param>
    /// <param name="dropout">The probability with which a value is dropped.</param>
    public CrossAttention(TransformerBlockShape shape, double dropout)
        : base(nameof(CrossAttention))
    {
        (_shape, _dropout) = (shape, dropout);
        int width = shape.EmbeddingSize;
        norm = Normalization.Of(shape);
        queries = new Linear(width, shape.AttendedSize, shape.HasQueryKeyValueBias, shape.Format);
        keysValues = new Linear(
            width, LayerPart.KeyValue(shape.KeyValueHeads, shape.HeadSize), shape.HasQueryKeyValueBias, shape.Format);
        output = new Linear(shape.AttendedSize, width, shape.HasBias, shape.Format);
        RegisterComponents();
    }

    public Normalization Norm => norm;

    public Linear Queries => queries;

    public Linear KeysValues => keysValues;

    public Linear Output => output;

    public IEnumerable<Linear> LinearLayers => [queries, keysValues, output];

    /// <summary>
    /// Keys and values of the encoder's output: [batch, length, width] → [batch, key heads, length, headSize] each. They are the same for
    /// all positions that attend to them.
    /// </summary>
    public AttentionCache KeysAndValues(Tensor states)
    {
        int heads = _shape.KeyValueHeads;
        Tensor[] parts = keysValues.call(states).view(states.size(0), states.size(1), 2 * heads, _shape.HeadSize).transpose(1, 2)
            .split([heads, heads], 1); // [batch, key heads, length, headSize] each
        return new AttentionCache(parts[0], parts[1]);
    }

    /// <summary>Adds to each position what it reads of the other sequence: [batch, time, width].</summary>
    /// <param name="x">The positions.</param>
    /// <param name="source">What is attended to.</param>
    public Tensor Forward(Tensor x, CrossSource source)
    {
        Tensor keys = _shape.Repeat(source.Cache.Keys), values = _shape.Repeat(source.Cache.Values);
        Tensor attended = DotProductAttention.Full(Split(x), keys, values, source.Mask, training ? _dropout : 0);
        Tensor heads = attended.transpose(1, 2).flatten(2); // [batch, time, heads · headSize]
        return x.Plus(SeededDropout.Apply(output.call(heads), _dropout, training));
    }

    // [batch, heads, time, headSize]
    private Tensor Split(Tensor x) => _shape.Scale(
        queries.call(norm.call(x)).view(x.size(0), x.size(1), _shape.Heads, _shape.HeadSize).transpose(1, 2));
}

/// <summary>Keys and values of the sequence that <see cref="CrossAttention"/> reads.</summary>
/// <param name="Cache">Keys and values, [batch, key heads, length, headSize].</param>
/// <param name="Mask">What is added to scores, [batch, 1, 1, length]; <see langword="null"/>: nothing.</param>
internal readonly record struct CrossSource(AttentionCache Cache, Tensor? Mask);
