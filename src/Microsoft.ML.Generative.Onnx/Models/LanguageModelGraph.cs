using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Onnx.Graph;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.LanguageModels;
using TorchSharp;

namespace Microsoft.ML.Generative.Onnx.Models;

/// <summary>
/// A language model with a cache of keys and values: new tokens and what is cached to logits and a longer cache, with the names that
/// onnxruntime-genai gives inputs and outputs.
/// </summary>
internal sealed class LanguageModelGraph
{
    public const string TokensName = "input_ids";
    public const string MaskName = "attention_mask";
    public const string PositionsName = "position_ids";
    public const string LogitsName = "logits";

    // What hides a position: softmax makes 0 of it, and a row of nothing else stays finite.
    private const float Hidden = -1e9f;

    private readonly NetworkNodes _nodes;
    private readonly OnnxGraph _graph;
    private readonly DecoderShape _shape;
    private readonly TransformerBlockShape _block;

    // [batch, tokens]
    private readonly OnnxValue _positions;

    // [batch, 1, 1, tokens, all], what is added to scores
    private readonly OnnxValue _mask;

    // [batch, 1, tokens, headSize / 2]
    private readonly (OnnxValue Cosine, OnnxValue Sine)? _rotary;

    private LanguageModelGraph(OnnxGraph graph, LanguageModelNetwork network)
    {
        (_graph, _nodes) = (graph, new NetworkNodes(graph, network));
        (_shape, _block) = (network.Shape, network.Shape.Block);
        OnnxValue tokens = graph.Input(TokensName, OnnxType.Int64, "sequence");
        OnnxValue mask = graph.Input(MaskName, OnnxType.Int64, "total");
        _positions = graph.Input(PositionsName, OnnxType.Int64, "sequence");
        _mask = Mask(tokens, mask);
        if (_shape.Rotary is { } rotary)
            _rotary = Rotary(rotary);
        OnnxValue x = _nodes.Lookup(tokens, "tokens"); // [batch, tokens, width]
        if (network.Positions is { } learned)
            x = _nodes.Add(x, graph.Node("Gather", [graph.Weight("positions", learned), _positions]));
        for (int i = 0; i < network.Blocks.Count; i++)
            x = Block(x, $"blocks.{i}", i);
        OnnxValue hidden = Normalization(x, "norm");
        OnnxValue logits = _shape.TiesEmbeddings
            ? graph.Node("MatMul", [hidden, _nodes.Transpose(new OnnxValue("tokens.weight"), 1, 0)])
            : _nodes.Linear(hidden, "head");
        graph.Output(LogitsName, logits, "sequence", _shape.VocabularySize);
    }

    public static OnnxGraph Of(LanguageModelNetwork network)
    {
        var graph = new OnnxGraph();
        _ = new LanguageModelGraph(graph, network);
        return graph;
    }

    public static string Past(string layer, string what) => $"past_key_values.{layer}.{what}";

    public static string Present(string layer, string what) => $"present.{layer}.{what}";

    // See TransformerBlock.
    private OnnxValue Block(OnnxValue x, string name, int layer)
    {
        x = _nodes.Add(x, Attention(Normalization(x, $"{name}.attentionNorm"), name, layer));
        return _nodes.Add(x, FeedForward(Normalization(x, $"{name}.feedForwardNorm"), name));
    }

    private OnnxValue Attention(OnnxValue x, string name, int layer)
    {
        (long heads, long keyHeads, long size) = (_block.Heads, _block.KeyValueHeads, _block.HeadSize);
        OnnxValue all = _nodes.Linear(x, $"{name}.queriesKeysValues"); // [batch, tokens, all heads · headSize]
        OnnxValue queries = Rotate(Heads(all, 0, heads)); // [batch, heads, tokens, headSize]
        OnnxValue keys = Cached(Rotate(Heads(all, heads, keyHeads)), layer, "key"); // [batch, key heads, all, headSize]
        OnnxValue values = Cached(Heads(all, heads + keyHeads, keyHeads), layer, "value"); // [batch, key heads, all, headSize]

        // The queries of each key head are one dimension more, along which keys and values are the same.
        OnnxValue grouped = _nodes.Reshape(_nodes.Times(queries, 1 / Math.Sqrt(size)), 0, keyHeads, heads / keyHeads, -1, size);
        OnnxValue keysOfGroups = _nodes.Transpose(Unsqueeze(keys, 2), 0, 1, 2, 4, 3); // [batch, key heads, 1, headSize, all]
        OnnxValue scores = _nodes.Add(_graph.Node("MatMul", [grouped, keysOfGroups]), _mask);
        OnnxValue attended = _graph.Node("MatMul", [_nodes.Softmax(scores), Unsqueeze(values, 2)]);
        OnnxValue joined = _nodes.Transpose(_nodes.Reshape(attended, 0, heads, -1, size), 0, 2, 1, 3); // [batch, tokens, heads, headSize]
        return _nodes.Linear(_nodes.Reshape(joined, 0, -1, heads * size), $"{name}.attentionOut");

        OnnxValue Heads(OnnxValue parts, long first, long count) => _nodes.Transpose(
            _nodes.Reshape(_nodes.Slice(parts, 2, first * size, (first + count) * size), 0, -1, count, size), 0, 2, 1, 3);
    }

    private OnnxValue Cached(OnnxValue added, int layer, string what)
    {
        OnnxSize[] shape = [_block.KeyValueHeads, "past", _block.HeadSize];
        OnnxValue past = _graph.Input(Past($"{layer}", what), OnnxType.Float32, shape);
        OnnxValue all = _graph.Node("Concat", [past, added], ("axis", 2L));
        _graph.Output(Present($"{layer}", what), all, _block.KeyValueHeads, "total", _block.HeadSize);
        return all;
    }

    private OnnxValue FeedForward(OnnxValue x, string name)
    {
        OnnxValue hidden = _nodes.Linear(x, $"{name}.feedForwardIn");
        if (!_block.FeedForward.IsGated())
            return _nodes.Linear(Activate(hidden), $"{name}.feedForwardOut");
        long size = _block.FeedForwardSize;
        OnnxValue gate = _nodes.Slice(hidden, 2, 0, size), up = _nodes.Slice(hidden, 2, size, 2 * size);
        return _nodes.Linear(_nodes.Times(Activate(gate), up), $"{name}.feedForwardOut");
    }

    private OnnxValue Activate(OnnxValue x) => _block.FeedForward switch
    {
        FeedForwardKind.Gelu or FeedForwardKind.GeGlu => _graph.Node("Gelu", [x]),
        FeedForwardKind.GeluTanh or FeedForwardKind.GeGluTanh => _graph.Node("Gelu", [x], ("approximate", "tanh")),
        FeedForwardKind.Relu => _nodes.Relu(x),
        _ => _nodes.Silu(x),
    };

    private OnnxValue Normalization(OnnxValue x, string name)
    {
        var layer = (Normalization)_nodes.Part(name);
        OnnxValue gain = _graph.Weight($"{name}.weight", layer.Gain);
        if (layer.Kind == NormalizationKind.LayerNorm)
        {
            OnnxValue[] inputs = layer.Bias is { } bias ? [x, gain, _graph.Weight($"{name}.bias", bias)] : [x, gain];
            return _graph.Node("LayerNormalization", inputs, ("axis", -1L), ("epsilon", (float)layer.Epsilon));
        }

        OnnxValue meanSquare = _graph.Node("ReduceMean", [_nodes.Times(x, x), _graph.Sizes(-1)]);
        OnnxValue root = _graph.Node("Sqrt", [_nodes.Plus(meanSquare, layer.Epsilon)]);
        return _nodes.Times(_graph.Node("Div", [x, root]), gain);
    }

    // Each token attends to itself and those before it, as many as the window has, but not to padding.
    private OnnxValue Mask(OnnxValue tokens, OnnxValue mask)
    {
        OnnxValue count = Dimension(tokens, 1), total = Dimension(mask, 1);
        OnnxValue zero = _graph.Whole(0), one = _graph.Whole(1);
        OnnxValue keys = Unsqueeze(_graph.Node("Range", [zero, total, one]), 0); // [1, all]
        OnnxValue own = Unsqueeze(_graph.Node("Range", [_graph.Node("Sub", [total, count]), total, one]), 1); // [tokens, 1]
        OnnxValue isHidden = _graph.Node("Greater", [keys, own]); // [tokens, all]
        if (_block.Window.Length is { } window)
        {
            OnnxValue isTooFar = _graph.Node("LessOrEqual", [keys, _graph.Node("Sub", [own, _graph.Whole(window)])]);
            isHidden = _graph.Node("Or", [isHidden, isTooFar]);
        }

        OnnxValue isPadding = _graph.Node("Unsqueeze", [_graph.Node("Equal", [mask, zero]), _graph.Sizes(1)]); // [batch, 1, all]
        isHidden = _graph.Node("Or", [isHidden, isPadding]); // [batch, tokens, all]
        OnnxValue added = _graph.Node("Where", [isHidden, _graph.Constant(Hidden), _graph.Constant(0)]);
        return _graph.Node("Unsqueeze", [added, _graph.Sizes(1, 2)]);
    }

    private (OnnxValue Cosine, OnnxValue Sine) Rotary(RotaryShape rotary)
    {
        using var embedding = new RotaryEmbedding(rotary);
        (torch.Tensor cosine, torch.Tensor sine) = embedding.Tables(_shape.ContextLength, torch.CPU);
        return (At(cosine), At(sine));

        // [context length, headSize / 2] → [batch, 1, tokens, headSize / 2]
        OnnxValue At(torch.Tensor table)
        {
            using torch.Tensor values = table.contiguous();
            return Unsqueeze(_graph.Node("Gather", [_graph.Constant(TensorMemory.ToArray<float>(values), values.shape), _positions]), 1);
        }
    }

    // See RotaryEmbedding; x is [batch, heads, tokens, headSize].
    private OnnxValue Rotate(OnnxValue x)
    {
        if (_rotary is not { } at)
            return x;
        long half = _block.HeadSize / 2;
        if (!_shape.Rotary!.IsInterleaved)
        {
            (OnnxValue first, OnnxValue second) = Rotated(_nodes.Slice(x, 3, 0, half), _nodes.Slice(x, 3, half, 2 * half));
            return _graph.Node("Concat", [first, second], ("axis", 3L));
        }

        OnnxValue pairs = _nodes.Reshape(x, 0, 0, -1, half, 2); // [batch, heads, tokens, headSize / 2, 2]
        (OnnxValue even, OnnxValue odd) = Rotated(Of(pairs, 0), Of(pairs, 1));
        OnnxValue stacked = _graph.Node("Concat", [Unsqueeze(even, 4), Unsqueeze(odd, 4)], ("axis", 4L));
        return _nodes.Reshape(stacked, 0, 0, -1, 2 * half);

        (OnnxValue, OnnxValue) Rotated(OnnxValue a, OnnxValue b) => (
            _graph.Node("Sub", [_nodes.Times(a, at.Cosine), _nodes.Times(b, at.Sine)]),
            _nodes.Add(_nodes.Times(b, at.Cosine), _nodes.Times(a, at.Sine)));

        OnnxValue Of(OnnxValue values, long index) => _graph.Node("Gather", [values, _graph.Whole(index)], ("axis", 4L));
    }

    private OnnxValue Unsqueeze(OnnxValue x, long dimension) => _graph.Node("Unsqueeze", [x, _graph.Sizes(dimension)]);

    private OnnxValue Dimension(OnnxValue x, long dimension) =>
        _graph.Node("Gather", [_graph.Node("Shape", [x]), _graph.Whole(dimension)]);
}
