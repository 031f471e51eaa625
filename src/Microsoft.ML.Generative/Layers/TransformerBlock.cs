using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// A block of a transformer: self-attention, causal (Radford et al. 2019; Touvron et al. 2023) or to both sides (Devlin et al. 2018), and a
/// feed-forward block, each with a shortcut around it and a normalization before it or behind the shortcut's sum.
/// </summary>
internal sealed class TransformerBlock : nn.Module, IFormerNames
{
    private readonly Normalization? attentionNorm;
    private readonly Linear queriesKeysValues;
    private readonly Linear attentionOut;
    private readonly CrossAttention? cross;
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
        if (shape.HasAttentionNorm)
            attentionNorm = Normalization.Of(shape);
        queriesKeysValues = new Linear(
            width, LayerPart.QueryKeyValue(shape.Heads, shape.KeyValueHeads, shape.HeadSize), shape.HasQueryKeyValueBias, shape.Format,
            shape.Formats?[0]);
        attentionOut = new Linear(shape.AttendedSize, width, shape.HasBias, shape.Format, shape.Formats?[1][0]);
        if (shape.HasCrossAttention)
            cross = new CrossAttention(shape, dropout);
        feedForwardNorm = Normalization.Of(shape);
        feedForwardIn = shape.FeedForward.IsGated()
            ? new Linear(width, LayerPart.GateUp(shape.FeedForwardSize), shape.HasBias, shape.Format, shape.Formats?[2])
            : new Linear(width, shape.FeedForwardSize, shape.HasBias, shape.Format, shape.Formats?[2][0]);
        feedForwardOut = new Linear(shape.FeedForwardSize, width, shape.HasBias, shape.Format, shape.Formats?[3][0]);
        RegisterComponents();
    }

    public IReadOnlyDictionary<string, string> FormerNames => _formerNames;

    public bool HasAttentionNorm => attentionNorm is not null;

    /// <exception cref="InvalidOperationException">The block has none.</exception>
    public Normalization AttentionNorm =>
        attentionNorm ?? throw new InvalidOperationException("The block has no normalization of its attention.");

    public Linear QueriesKeysValues => queriesKeysValues;

    public Linear AttentionOut => attentionOut;

    /// <summary>Attention to another sequence; <see langword="null"/>: there is none.</summary>
    public CrossAttention? Cross => cross;

    public Normalization FeedForwardNorm => feedForwardNorm;

    public Linear FeedForwardIn => feedForwardIn;

    public Linear FeedForwardOut => feedForwardOut;

    public IEnumerable<Linear> LinearLayers =>
        [queriesKeysValues, attentionOut, .. cross?.LinearLayers ?? [], feedForwardIn, feedForwardOut];

    /// <summary>All positions of whole sequences: [batch, time, width].</summary>
    /// <param name="x">The output of the block before.</param>
    /// <param name="positions">How queries and keys learn where they are, if they do.</param>
    /// <param name="mask">
    /// What may attend to what: 0, or a large negative number where not; causal [time, time], else [batch, 1, 1 or time, time].
    /// <see langword="null"/>: each position to itself and all before it, or to all.
    /// </param>
    /// <param name="bias">
    /// What is added to scores in place of a mask: [batch or 1, heads, time, time]; of causal attention, with what hides later positions.
    /// </param>
    /// <param name="source">What <see cref="Cross"/> attends to.</param>
    /// <param name="lengths">
    /// The lengths of sequences that are one behind another in x, which is a batch of 1 then, where each position attends to all of its own
    /// sequence; for <see cref="ShortAttention.ApplyToEach"/>.
    /// </param>
    public Tensor Forward(
        Tensor x, RotaryPositions? positions = null, Tensor? mask = null, Tensor? bias = null, CrossSource? source = null,
        int[]? lengths = null)
    {
        double dropout = training ? _dropout : 0;
        bool isPlain = positions is null && mask is null && bias is null && lengths is null && dropout == 0
            && _shape.ScalesAttention && _shape.KeyValueHeads == _shape.Heads;
        if (isPlain && AttentionBranch is { } branch && branch.IsFast(x))
            return AddRest(branch.Apply(x), source);
        Tensor all = Project(x);
        if (lengths is not null)
            return Finish(x, AttendEach(all, positions, lengths), source);
        if (isPlain)
            return Finish(x, DotProductAttention.Packed(all, _shape.IsCausal).flatten(2), source);
        (Tensor queries, Tensor keys, Tensor values) = Split(all, positions);
        (keys, values) = (_shape.Repeat(keys), _shape.Repeat(values));
        Tensor attended = _shape.IsCausal && bias is null
            ? DotProductAttention.Causal(queries, keys, values, mask, dropout)
            : DotProductAttention.Full(queries, keys, values, bias ?? mask, dropout);
        return Finish(x, Joined(attended), source);
    }

    /// <summary>More positions of each sequence: [batch, added, width].</summary>
    /// <param name="x">The output of the block before.</param>
    /// <param name="cache">Keys and values so far.</param>
    /// <param name="store">
    /// Puts the new keys or values, [batch, key heads, added, headSize], into those of the cache and returns all to attend to.
    /// </param>
    /// <param name="positions">Where the sequences are.</param>
    /// <param name="mask">
    /// What the new positions may attend to, or what is added to their scores, [batch, heads or 1, added, cached]; not needed where it is
    /// all.
    /// </param>
    /// <param name="source">What <see cref="Cross"/> attends to.</param>
    public Tensor Next(
        Tensor x, AttentionCache cache, Func<Tensor, Tensor, Tensor> store, RotaryPositions? positions = null, Tensor? mask = null,
        CrossSource? source = null)
    {
        (Tensor queries, Tensor keys, Tensor values) = Split(Project(x), positions);
        (keys, values) = (_shape.Repeat(store(cache.Keys, keys)), _shape.Repeat(store(cache.Values, values)));
        return Finish(x, Joined(F.scaled_dot_product_attention(queries, keys, values, mask)), source);
    }

    /// <summary>
    /// The probabilities with which positions attend to others: [batch, time, width] to [batch, heads, time, time].
    /// </summary>
    /// <param name="x">The output of the block before.</param>
    /// <param name="positions">How queries and keys learn where they are, if they do.</param>
    /// <param name="mask">What may attend to what, as <see cref="Forward"/> takes it, but never left out.</param>
    public Tensor Attention(Tensor x, RotaryPositions? positions, Tensor mask)
    {
        (Tensor queries, Tensor keys, _) = Split(Project(x), positions);
        Tensor scores = queries.matmul(_shape.Repeat(keys).transpose(-2, -1)); // [batch, heads, time, time]
        return scores.Times(1 / Math.Sqrt(queries.size(-1))).Plus(mask).softmax(-1);
    }

    public AttentionCache NewCache(int batch, int positions)
    {
        long[] shape = [batch, _shape.KeyValueHeads, positions, _shape.HeadSize];
        Device device = feedForwardNorm.Gain.device;
        return new AttentionCache(zeros(shape, device: device), zeros(shape, device: device));
    }

    // Queries, keys and values, [batch, time, all heads, headSize]. Keys and values may have fewer heads.
    private Tensor Project(Tensor x) =>
        queriesKeysValues.call(_shape.NormalizesSums || attentionNorm is null ? x : attentionNorm.call(x))
            .view(x.size(0), x.size(1), _shape.Heads + 2 * _shape.KeyValueHeads, _shape.HeadSize);

    private (Tensor Queries, Tensor Keys, Tensor Values) Split(Tensor all, RotaryPositions? positions)
    {
        int heads = _shape.Heads, keyHeads = _shape.KeyValueHeads;
        Tensor[] parts = all.transpose(1, 2) // [batch, all heads, time, headSize]
            .split([heads, keyHeads, keyHeads], 1); // [batch, heads of the part, time, headSize] each
        return positions is { } p
            ? (_shape.Scale(p.Rotate(parts[0])), p.Rotate(parts[1]), parts[2])
            : (_shape.Scale(parts[0]), parts[1], parts[2]);
    }

    private Tensor AttendEach(Tensor all, RotaryPositions? positions, int[] lengths)
    {
        (Tensor queries, Tensor keys, Tensor values) = Split(all, positions);
        return DotProductAttention.FullOfEach(queries, _shape.Repeat(keys), _shape.Repeat(values), lengths).flatten(2);
    }

    // [batch, heads, time, headSize] → [batch, time, heads · headSize]
    private static Tensor Joined(Tensor attended) => attended.transpose(1, 2).flatten(2);

    // Heads: [batch, time, heads · headSize].
    private Tensor Finish(Tensor x, Tensor heads, CrossSource? source)
    {
        if (_shape.NormalizesSums)
        {
            x = NormalizedSum(x, attentionOut, heads, AttentionNorm);
            return NormalizedSum(x, feedForwardOut, FeedForward(x), feedForwardNorm);
        }

        return AddRest(x.Plus(Drop(attentionOut.call(heads))), source);
    }

    // What follows attention in a block that normalizes what goes into its layers.
    private Tensor AddRest(Tensor x, CrossSource? source)
    {
        if (cross is not null)
            x = cross.Forward(x, source ?? throw new InvalidOperationException("The block attends to another sequence; there is none."));
        if ((!training || _dropout == 0) && FeedForwardBranch.IsFast(x))
            return FeedForwardBranch.Apply(x);
        return x.Plus(Drop(feedForwardOut.call(FeedForward(feedForwardNorm.call(x)))));
    }

    private ResidualBranch? AttentionBranch => _shape.NormalizesSums || attentionNorm is null
        ? null
        : new(attentionNorm, queriesKeysValues, attentionOut) { Heads = _shape.Heads, IsCausal = _shape.IsCausal };

    private ResidualBranch FeedForwardBranch => new(feedForwardNorm, feedForwardIn, feedForwardOut) { Activation = _shape.FeedForward };

    private Tensor NormalizedSum(Tensor x, Linear layer, Tensor input, Normalization norm) => FusedLinear.CanUse(layer, input)
        ? FusedLinear.NormalizeSum(layer, input, x, norm)
        : norm.call(x.Plus(Drop(layer.call(input))));

    // What goes into the second layer, [batch, time, feed-forward size].
    private Tensor FeedForward(Tensor x)
    {
        if (FusedLinear.CanUse(feedForwardIn, x))
            return FusedLinear.Activate(feedForwardIn, x, _shape.FeedForward);
        return _shape.FeedForward.Activate(feedForwardIn.call(x));
    }

    private Tensor Drop(Tensor x) => SeededDropout.Apply(x, _dropout, training);
}

/// <summary>Keys and values of the positions seen so far, [batch, key heads, positions, headSize].</summary>
internal readonly record struct AttentionCache(Tensor Keys, Tensor Values);
