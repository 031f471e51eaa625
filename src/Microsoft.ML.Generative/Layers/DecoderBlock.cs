using Microsoft.ML.Generative.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// A block of a decoder-only transformer (Radford et al. 2019; Touvron et al. 2023): causal self-attention and a perceptron, each with its
/// normalization before it and a shortcut around it.
/// </summary>
internal sealed class DecoderBlock : nn.Module
{
    private readonly Normalization attentionNorm;
    private readonly nn.Module<Tensor, Tensor> queriesKeysValues;
    private readonly nn.Module<Tensor, Tensor> attentionOut;
    private readonly Normalization perceptronNorm;
    private readonly nn.Module<Tensor, Tensor> perceptronIn;
    private readonly nn.Module<Tensor, Tensor> perceptronOut;

    private readonly LanguageModelArchitecture _architecture;
    private readonly double _dropout;

    public DecoderBlock(LanguageModelArchitecture architecture, double dropout = 0)
        : base(nameof(DecoderBlock))
    {
        (_architecture, _dropout) = (architecture, dropout);
        int width = architecture.EmbeddingSize;
        attentionNorm = Norm();
        queriesKeysValues = Layer.Linear(width, architecture.QueryKeyValueSize, architecture.HasQueryKeyValueBias);
        attentionOut = Layer.Linear(architecture.Heads * architecture.ActualHeadSize, width, architecture.HasBias);
        perceptronNorm = Norm();
        perceptronIn = Layer.Linear(width, architecture.FeedForwardInSize, architecture.HasBias);
        perceptronOut = Layer.Linear(architecture.ActualFeedForwardSize, width, architecture.HasBias);
        RegisterComponents();

        Normalization Norm() => new(architecture.Normalization, width, architecture.NormEpsilon, architecture.HasNormBias);
    }

    /// <summary>All positions of whole sequences: [batch, time, width].</summary>
    /// <param name="x">What the block before says.</param>
    /// <param name="positions">How queries and keys learn where they are, if they do.</param>
    /// <param name="mask">What may attend to what, [time, time]; <see langword="null"/>: each position to itself and all before it.</param>
    public Tensor Forward(Tensor x, RotaryPositions? positions = null, Tensor? mask = null)
    {
        (Tensor queries, Tensor keys, Tensor values) = Split(x, positions);
        return Finish(x, DotProductAttention.Causal(queries, Repeat(keys), Repeat(values), mask, training ? _dropout : 0));
    }

    /// <summary>More positions of each sequence: [batch, added, width].</summary>
    /// <param name="x">What the block before says.</param>
    /// <param name="cache">Keys and values so far.</param>
    /// <param name="store">Puts the new keys or values, [batch, key heads, added, headSize], into those of the cache and returns all to attend to.</param>
    /// <param name="positions">Where the sequences are.</param>
    /// <param name="mask">What the new positions may attend to, [batch, 1, added, cached]; not needed where it is all.</param>
    public Tensor Next(Tensor x, AttentionCache cache, Func<Tensor, Tensor, Tensor> store, RotaryPositions? positions = null, Tensor? mask = null)
    {
        (Tensor queries, Tensor keys, Tensor values) = Split(x, positions);
        Tensor attended = F.scaled_dot_product_attention(queries, Repeat(store(cache.Keys, keys)), Repeat(store(cache.Values, values)), mask);
        return Finish(x, attended);
    }

    /// <summary>The probabilities with which positions attend to those before them: [batch, time, width] to [batch, heads, time, time].</summary>
    public Tensor Attention(Tensor x, RotaryPositions? positions, Tensor mask)
    {
        (Tensor queries, Tensor keys, _) = Split(x, positions);
        return queries.matmul(Repeat(keys).transpose(-2, -1)).Times(1 / Math.Sqrt(queries.size(-1))).Plus(mask).softmax(-1);
    }

    public AttentionCache NewCache(int batch, int positions)
    {
        Tensor weight = perceptronNorm.parameters().First();
        long[] shape = [batch, _architecture.ActualKeyValueHeads, positions, _architecture.ActualHeadSize];
        return new AttentionCache(zeros(shape, device: weight.device), zeros(shape, device: weight.device));
    }

    // [batch, heads, time, headSize] each; keys and values may have fewer heads.
    private (Tensor Queries, Tensor Keys, Tensor Values) Split(Tensor x, RotaryPositions? positions)
    {
        int heads = _architecture.Heads, keyHeads = _architecture.ActualKeyValueHeads;
        Tensor[] parts = queriesKeysValues.call(attentionNorm.call(x))
            .view(x.size(0), x.size(1), heads + 2 * keyHeads, _architecture.ActualHeadSize).transpose(1, 2)
            .split([heads, keyHeads, keyHeads], 1);
        return positions is { } p ? (p.Rotate(parts[0]), p.Rotate(parts[1]), parts[2]) : (parts[0], parts[1], parts[2]);
    }

    private Tensor Repeat(Tensor keys) => _architecture.ActualKeyValueHeads == _architecture.Heads
        ? keys
        : keys.repeat_interleave(_architecture.Heads / _architecture.ActualKeyValueHeads, 1);

    private Tensor Finish(Tensor x, Tensor attended)
    {
        x = x.Plus(Drop(attentionOut.call(attended.transpose(1, 2).flatten(2))));
        return x.Plus(Drop(perceptronOut.call(Activate(perceptronIn.call(perceptronNorm.call(x))))));
    }

    private Tensor Activate(Tensor hidden)
    {
        if (_architecture.FeedForward != FeedForwardKind.SwiGlu)
            return F.gelu(hidden, _architecture.FeedForward == FeedForwardKind.Gelu ? GELU.Approximate.none : GELU.Approximate.tanh);
        Tensor[] parts = hidden.chunk(2, -1);
        return F.silu(parts[0]) * parts[1];
    }

    private Tensor Drop(Tensor x) => _dropout == 0 ? x : F.dropout(x, _dropout, training);
}

/// <summary>Keys and values of the positions seen so far, [batch, key heads, positions, headSize].</summary>
internal readonly record struct AttentionCache(Tensor Keys, Tensor Values);

/// <summary>Where the rows of a batch are: cosines and sines that fit [batch, heads, time, headSize / 2].</summary>
internal readonly record struct RotaryPositions(RotaryEmbedding Embedding, Tensor Cosine, Tensor Sine)
{
    public Tensor Rotate(Tensor x) => Embedding.Rotate(x, Cosine, Sine);
}
