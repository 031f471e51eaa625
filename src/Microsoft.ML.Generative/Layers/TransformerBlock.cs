using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// A block of a decoder-only transformer (Radford et al. 2019; Touvron et al. 2023): causal self-attention and a feed-forward block, each
/// with its normalization before it and a shortcut around it.
/// </summary>
internal sealed class TransformerBlock : nn.Module, IFormerNames
{
    private readonly Normalization attentionNorm;
    private readonly Linear queriesKeysValues;
    private readonly Linear attentionOut;
    private readonly Normalization feedForwardNorm;
    private readonly Linear feedForwardIn;
    private readonly Linear feedForwardOut;

    private static readonly Dictionary<string, string> _formerNames = new()
    {
        ["perceptronNorm"] = nameof(feedForwardNorm),
        ["perceptronIn"] = nameof(feedForwardIn),
        ["perceptronOut"] = nameof(feedForwardOut),
    };

    private readonly TransformerBlockShape _shape;
    private readonly double _dropout;

    public TransformerBlock(TransformerBlockShape shape, double dropout = 0)
        : base(nameof(TransformerBlock))
    {
        (_shape, _dropout) = (shape, dropout);
        int width = shape.EmbeddingSize;
        attentionNorm = Normalization.Of(shape);
        queriesKeysValues = new Linear(
            width, LayerPart.QueryKeyValue(shape.Heads, shape.KeyValueHeads, shape.HeadSize), shape.HasQueryKeyValueBias, shape.Format,
            shape.Formats?[0]);
        attentionOut = new Linear(shape.AttendedSize, width, shape.HasBias, shape.Format, shape.Formats?[1][0]);
        feedForwardNorm = Normalization.Of(shape);
        feedForwardIn = shape.FeedForward == FeedForwardKind.SwiGlu
            ? new Linear(width, LayerPart.GateUp(shape.FeedForwardSize), shape.HasBias, shape.Format, shape.Formats?[2])
            : new Linear(width, shape.FeedForwardSize, shape.HasBias, shape.Format, shape.Formats?[2][0]);
        feedForwardOut = new Linear(shape.FeedForwardSize, width, shape.HasBias, shape.Format, shape.Formats?[3][0]);
        RegisterComponents();
    }

    public IReadOnlyDictionary<string, string> FormerNames => _formerNames;

    public Normalization AttentionNorm => attentionNorm;

    public Linear QueriesKeysValues => queriesKeysValues;

    public Linear AttentionOut => attentionOut;

    public Normalization FeedForwardNorm => feedForwardNorm;

    public Linear FeedForwardIn => feedForwardIn;

    public Linear FeedForwardOut => feedForwardOut;

    public IEnumerable<Linear> LinearLayers => [queriesKeysValues, attentionOut, feedForwardIn, feedForwardOut];

    /// <summary>All positions of whole sequences: [batch, time, width].</summary>
    /// <param name="x">The output of the block before.</param>
    /// <param name="positions">How queries and keys learn where they are, if they do.</param>
    /// <param name="mask">What may attend to what, [time, time]; <see langword="null"/>: each position to itself and all before it.</param>
    public Tensor Forward(Tensor x, RotaryPositions? positions = null, Tensor? mask = null)
    {
        (Tensor queries, Tensor keys, Tensor values) = Split(x, positions);
        return Finish(x, DotProductAttention.Causal(queries, Repeat(keys), Repeat(values), mask, training ? _dropout : 0));
    }

    /// <summary>More positions of each sequence: [batch, added, width].</summary>
    /// <param name="x">The output of the block before.</param>
    /// <param name="cache">Keys and values so far.</param>
    /// <param name="store">
    /// Puts the new keys or values, [batch, key heads, added, headSize], into those of the cache and returns all to attend to.
    /// </param>
    /// <param name="positions">Where the sequences are.</param>
    /// <param name="mask">What the new positions may attend to, [batch, 1, added, cached]; not needed where it is all.</param>
    public Tensor Next(
        Tensor x, AttentionCache cache, Func<Tensor, Tensor, Tensor> store, RotaryPositions? positions = null, Tensor? mask = null)
    {
        (Tensor queries, Tensor keys, Tensor values) = Split(x, positions);
        (Tensor allKeys, Tensor allValues) = (Repeat(store(cache.Keys, keys)), Repeat(store(cache.Values, values)));
        return Finish(x, F.scaled_dot_product_attention(queries, allKeys, allValues, mask));
    }

    /// <summary>
    /// The probabilities with which positions attend to those before them: [batch, time, width] to [batch, heads, time, time].
    /// </summary>
    public Tensor Attention(Tensor x, RotaryPositions? positions, Tensor mask)
    {
        (Tensor queries, Tensor keys, _) = Split(x, positions);
        Tensor scores = queries.matmul(Repeat(keys).transpose(-2, -1)); // [batch, heads, time, time]
        return scores.Times(1 / Math.Sqrt(queries.size(-1))).Plus(mask).softmax(-1);
    }

    public AttentionCache NewCache(int batch, int positions)
    {
        long[] shape = [batch, _shape.KeyValueHeads, positions, _shape.HeadSize];
        Device device = attentionNorm.Gain.device;
        return new AttentionCache(zeros(shape, device: device), zeros(shape, device: device));
    }

    // Keys and values may have fewer heads.
    private (Tensor Queries, Tensor Keys, Tensor Values) Split(Tensor x, RotaryPositions? positions)
    {
        int heads = _shape.Heads, keyHeads = _shape.KeyValueHeads;
        Tensor[] parts = queriesKeysValues.call(attentionNorm.call(x))
            .view(x.size(0), x.size(1), heads + 2 * keyHeads, _shape.HeadSize).transpose(1, 2) // [batch, all heads, time, headSize]
            .split([heads, keyHeads, keyHeads], 1); // [batch, heads of the part, time, headSize] each
        return positions is { } p ? (p.Rotate(parts[0]), p.Rotate(parts[1]), parts[2]) : (parts[0], parts[1], parts[2]);
    }

    // [batch, key heads, time, headSize] → [batch, heads, time, headSize]
    private Tensor Repeat(Tensor keys) =>
        _shape.KeyValueHeads == _shape.Heads ? keys : keys.repeat_interleave(_shape.Heads / _shape.KeyValueHeads, 1);

    private Tensor Finish(Tensor x, Tensor attended)
    {
        Tensor heads = attended.transpose(1, 2).flatten(2); // [batch, time, heads · headSize]
        x = x.Plus(Drop(attentionOut.call(heads)));
        return x.Plus(Drop(feedForwardOut.call(Activate(feedForwardIn.call(feedForwardNorm.call(x))))));
    }

    private Tensor Activate(Tensor hidden)
    {
        if (_shape.FeedForward != FeedForwardKind.SwiGlu)
            return F.gelu(hidden, _shape.FeedForward == FeedForwardKind.Gelu ? GELU.Approximate.none : GELU.Approximate.tanh);
        Tensor[] parts = hidden.chunk(2, -1); // [batch, time, feed-forward size] each
        return F.silu(parts[0]) * parts[1];
    }

    private Tensor Drop(Tensor x) => SeededDropout.Apply(x, _dropout, training);
}

/// <summary>Keys and values of the positions seen so far, [batch, key heads, positions, headSize].</summary>
internal readonly record struct AttentionCache(Tensor Keys, Tensor Values);
