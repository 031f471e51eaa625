using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Onnx.Graph;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Onnx.Models;

/// <summary>Nodes that compute what the parts of transformers do; see <see cref="TransformerBlock"/>.</summary>
internal sealed class TransformerNodes(NetworkNodes nodes)
{
    // What hides a position: softmax makes 0 of it, and a row of nothing else stays finite.
    private const float Hidden = -1e9f;

    private readonly OnnxGraph _graph = nodes.Graph;

    /// <summary>[.., width] to the same.</summary>
    public OnnxValue Normalization(OnnxValue x, string name)
    {
        var layer = (Normalization)nodes.Part(name);
        OnnxValue gain = _graph.Weight($"{name}.weight", layer.Gain);
        if (layer.Kind == NormalizationKind.LayerNorm)
        {
            OnnxValue[] inputs = layer.Bias is { } bias ? [x, gain, _graph.Weight($"{name}.bias", bias)] : [x, gain];
            return _graph.Node("LayerNormalization", inputs, ("axis", -1L), ("epsilon", (float)layer.Epsilon));
        }

        OnnxValue meanSquare = _graph.Node("ReduceMean", [nodes.Times(x, x), _graph.Sizes(-1)]);
        OnnxValue root = _graph.Node("Sqrt", [nodes.Plus(meanSquare, layer.Epsilon)]);
        return nodes.Times(_graph.Node("Div", [x, root]), gain);
    }

    /// <summary>A block's feed-forward layers, [batch, tokens, width] to the same.</summary>
    public OnnxValue FeedForward(OnnxValue x, string block, TransformerBlockShape shape)
    {
        OnnxValue hidden = nodes.Linear(x, $"{block}.feedForwardIn");
        if (!shape.FeedForward.IsGated())
            return nodes.Linear(Activate(hidden, shape.FeedForward), $"{block}.feedForwardOut");
        long size = shape.FeedForwardSize;
        OnnxValue gate = nodes.Slice(hidden, 2, 0, size), up = nodes.Slice(hidden, 2, size, 2 * size);
        return nodes.Linear(nodes.Times(Activate(gate, shape.FeedForward), up), $"{block}.feedForwardOut");
    }

    public OnnxValue Gelu(OnnxValue x, bool isTanh = false) =>
        isTanh ? _graph.Node("Gelu", [x], ("approximate", "tanh")) : _graph.Node("Gelu", [x]);

    /// <summary>Some heads of the output of a layer, [batch, tokens, all heads · headSize] to [batch, count, tokens, headSize].</summary>
    public OnnxValue Heads(OnnxValue all, TransformerBlockShape shape, long first, long count)
    {
        long size = shape.HeadSize;
        OnnxValue own = nodes.Slice(all, 2, first * size, (first + count) * size);
        return nodes.Transpose(nodes.Reshape(own, 0, -1, count, size), 0, 2, 1, 3);
    }

    /// <summary>Queries attend to keys: [batch, queries, heads · headSize].</summary>
    /// <param name="queries">[batch, heads, queries, headSize].</param>
    /// <param name="keys">[batch, key heads, keys, headSize].</param>
    /// <param name="values">The same for values.</param>
    /// <param name="added">
    /// What is added to scores, [batch or 1, heads or 1, queries or 1, keys]; of one head where key heads are fewer.
    /// </param>
    /// <param name="shape">The form of the block.</param>
    public OnnxValue Attend(OnnxValue queries, OnnxValue keys, OnnxValue values, OnnxValue added, TransformerBlockShape shape)
    {
        (long heads, long keyHeads, long size) = (shape.Heads, shape.KeyValueHeads, shape.HeadSize);
        queries = nodes.Times(queries, shape.ScalesAttention ? 1 / Math.Sqrt(size) : 1);
        OnnxValue attended;
        if (heads == keyHeads)
        {
            OnnxValue scores = nodes.Add(_graph.Node("MatMul", [queries, nodes.Transpose(keys, 0, 1, 3, 2)]), added);
            attended = _graph.Node("MatMul", [nodes.Softmax(scores), values]);
        }
        else
        {
            // The queries of each key head are one dimension more, along which keys and values are the same.
            OnnxValue grouped = nodes.Reshape(queries, 0, keyHeads, heads / keyHeads, -1, size);
            OnnxValue keysOfGroups = nodes.Transpose(Unsqueeze(keys, 2), 0, 1, 2, 4, 3); // [batch, key heads, 1, headSize, keys]
            OnnxValue scores = nodes.Add(_graph.Node("MatMul", [grouped, keysOfGroups]), Unsqueeze(added, 2));
            attended = nodes.Reshape(_graph.Node("MatMul", [nodes.Softmax(scores), Unsqueeze(values, 2)]), 0, heads, -1, size);
        }

        return nodes.Reshape(nodes.Transpose(attended, 0, 2, 1, 3), 0, -1, heads * size);
    }

    /// <summary>What is added to scores: 0, or a large negative number where something is hidden.</summary>
    public OnnxValue Mask(OnnxValue isHidden) => _graph.Node("Where", [isHidden, _graph.Constant(Hidden), _graph.Constant(0)]);

    /// <summary>Where a mask of 0 and 1 has padding: [batch, tokens] to [batch, 1, 1, tokens].</summary>
    public OnnxValue IsPadding(OnnxValue mask) =>
        _graph.Node("Unsqueeze", [_graph.Node("Equal", [mask, _graph.Whole(0)]), _graph.Sizes(1, 2)]);

    /// <summary>Whole numbers from 0, or another start, to below an end.</summary>
    public OnnxValue Range(OnnxValue end, OnnxValue? start = null) =>
        _graph.Node("Range", [start ?? _graph.Whole(0), end, _graph.Whole(1)]);

    /// <summary>Cosines and sines of positions, [batch, tokens] to [batch, 1, tokens, headSize / 2] each.</summary>
    public RotaryNodes Rotary(RotaryShape shape, int contextLength, OnnxValue positions)
    {
        using var embedding = new RotaryEmbedding(shape);
        (torch.Tensor cosine, torch.Tensor sine) = embedding.Tables(contextLength, torch.CPU);
        return new RotaryNodes(shape, At(cosine), At(sine));

        // [context length, headSize / 2] → [batch, 1, tokens, headSize / 2]
        OnnxValue At(torch.Tensor table)
        {
            using torch.Tensor values = table.contiguous();
            return Unsqueeze(_graph.Node("Gather", [_graph.Constant(TensorMemory.ToArray<float>(values), values.shape), positions]), 1);
        }
    }

    /// <summary>See <see cref="RotaryEmbedding"/>; x is [batch, heads, tokens, headSize].</summary>
    public OnnxValue Rotate(OnnxValue x, RotaryNodes? rotary)
    {
        if (rotary is not { } at)
            return x;
        long half = at.Shape.HeadSize / 2;
        if (!at.Shape.IsInterleaved)
        {
            (OnnxValue first, OnnxValue second) = Rotated(nodes.Slice(x, 3, 0, half), nodes.Slice(x, 3, half, 2 * half));
            return _graph.Node("Concat", [first, second], ("axis", 3L));
        }

        OnnxValue pairs = nodes.Reshape(x, 0, 0, -1, half, 2); // [batch, heads, tokens, headSize / 2, 2]
        (OnnxValue even, OnnxValue odd) = Rotated(Of(pairs, 0), Of(pairs, 1));
        OnnxValue stacked = _graph.Node("Concat", [Unsqueeze(even, 4), Unsqueeze(odd, 4)], ("axis", 4L));
        return nodes.Reshape(stacked, 0, 0, -1, 2 * half);

        (OnnxValue, OnnxValue) Rotated(OnnxValue a, OnnxValue b) => (
            _graph.Node("Sub", [nodes.Times(a, at.Cosine), nodes.Times(b, at.Sine)]),
            nodes.Add(nodes.Times(b, at.Cosine), nodes.Times(a, at.Sine)));

        OnnxValue Of(OnnxValue values, long index) => _graph.Node("Gather", [values, _graph.Whole(index)], ("axis", 4L));
    }

    /// <summary>The bias of relative positions, [1, heads, queries, keys].</summary>
    /// <param name="bias">The layer.</param>
    /// <param name="shape">Its form.</param>
    /// <param name="queries">How many positions attend.</param>
    /// <param name="keys">How many are attended to.</param>
    public OnnxValue RelativeBias(RelativePositionBias bias, RelativePositionShape shape, OnnxValue queries, OnnxValue keys)
    {
        // From the maximum on, all distances share a bucket.
        long most = shape.MaxDistance;
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor distances = TensorFactory.Range(2 * most + 1).Minus(most);
        torch.Tensor values = bias.Buckets.Weight.detach().cpu().index_select(0, RelativePositionBias.BucketsOf(distances, shape));
        OnnxValue table = _graph.Constant(TensorMemory.ToArray<float>(values.contiguous()), values.shape); // [distances, heads]
        OnnxValue distance = _graph.Node("Sub", [Unsqueeze(Range(keys), 0), Unsqueeze(Range(queries), 1)]); // [queries, keys]
        OnnxValue near = _graph.Node("Clip", [distance, _graph.Whole(-most), _graph.Whole(most)]);
        OnnxValue found = _graph.Node("Gather", [table, _graph.Node("Add", [near, _graph.Whole(most)])]); // [queries, keys, heads]
        return Unsqueeze(nodes.Transpose(found, 2, 0, 1), 0);
    }

    public OnnxValue Unsqueeze(OnnxValue x, long dimension) => _graph.Node("Unsqueeze", [x, _graph.Sizes(dimension)]);

    /// <summary>The size of a dimension, a whole number.</summary>
    public OnnxValue Dimension(OnnxValue x, long dimension) =>
        _graph.Node("Gather", [_graph.Node("Shape", [x]), _graph.Whole(dimension)]);

    private OnnxValue Activate(OnnxValue x, FeedForwardKind kind) => kind switch
    {
        FeedForwardKind.Gelu or FeedForwardKind.GeGlu => Gelu(x),
        FeedForwardKind.GeluTanh or FeedForwardKind.GeGluTanh => Gelu(x, isTanh: true),
        FeedForwardKind.Relu => nodes.Relu(x),
        _ => nodes.Silu(x),
    };
}

/// <summary>Cosines and sines of the positions that are there, [batch, 1, tokens, headSize / 2] each.</summary>
internal sealed record RotaryNodes(RotaryShape Shape, OnnxValue Cosine, OnnxValue Sine);
