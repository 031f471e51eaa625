using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Onnx.Graph;
using Microsoft.ML.Generative.Text.LanguageModels;

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

    private readonly NetworkNodes _nodes;
    private readonly TransformerNodes _blocks;
    private readonly OnnxGraph _graph;
    private readonly DecoderShape _shape;
    private readonly TransformerBlockShape _block;

    // [batch, tokens]
    private readonly OnnxValue _positions;

    // [batch, 1, tokens, all], what is added to scores
    private readonly OnnxValue _mask;

    private readonly RotaryNodes? _rotary;

    private LanguageModelGraph(OnnxGraph graph, LanguageModelNetwork network)
    {
        (_graph, _nodes) = (graph, new NetworkNodes(graph, network));
        (_shape, _block, _blocks) = (network.Shape, network.Shape.Block, new TransformerNodes(_nodes));
        OnnxValue tokens = graph.Input(TokensName, OnnxType.Int64, "sequence");
        OnnxValue mask = graph.Input(MaskName, OnnxType.Int64, "total");
        _positions = graph.Input(PositionsName, OnnxType.Int64, "sequence");
        _mask = Mask(tokens, mask);
        if (_shape.Rotary is { } rotary)
            _rotary = _blocks.Rotary(rotary, _shape.ContextLength, _positions);
        OnnxValue x = _nodes.Lookup(tokens, "tokens"); // [batch, tokens, width]
        if (network.Positions is { } learned)
            x = _nodes.Add(x, graph.Node("Gather", [graph.Weight("positions", learned), _positions]));
        for (int i = 0; i < network.Blocks.Count; i++)
            x = Block(x, $"blocks.{i}", i);
        OnnxValue hidden = _blocks.Normalization(x, "norm");
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
        x = _nodes.Add(x, Attention(_blocks.Normalization(x, $"{name}.attentionNorm"), name, layer));
        return _nodes.Add(x, _blocks.FeedForward(_blocks.Normalization(x, $"{name}.feedForwardNorm"), name, _block));
    }

    private OnnxValue Attention(OnnxValue x, string name, int layer)
    {
        (long heads, long keyHeads) = (_block.Heads, _block.KeyValueHeads);
        OnnxValue all = _nodes.Linear(x, $"{name}.queriesKeysValues"); // [batch, tokens, all heads · headSize]
        OnnxValue queries = _blocks.Rotate(_blocks.Heads(all, _block, 0, heads), _rotary); // [batch, heads, tokens, headSize]
        OnnxValue keys = Cached(_blocks.Rotate(_blocks.Heads(all, _block, heads, keyHeads), _rotary), layer, "key");
        OnnxValue values = Cached(_blocks.Heads(all, _block, heads + keyHeads, keyHeads), layer, "value");
        return _nodes.Linear(_blocks.Attend(queries, keys, values, _mask, _block), $"{name}.attentionOut");
    }

    private OnnxValue Cached(OnnxValue added, int layer, string what)
    {
        OnnxSize[] shape = [_block.KeyValueHeads, "past", _block.HeadSize];
        OnnxValue past = _graph.Input(Past($"{layer}", what), OnnxType.Float32, shape);
        OnnxValue all = _graph.Node("Concat", [past, added], ("axis", 2L));
        _graph.Output(Present($"{layer}", what), all, _block.KeyValueHeads, "total", _block.HeadSize);
        return all;
    }

    // Each token attends to itself and those before it, as many as the window has, but not to padding.
    private OnnxValue Mask(OnnxValue tokens, OnnxValue mask)
    {
        OnnxValue count = _blocks.Dimension(tokens, 1), total = _blocks.Dimension(mask, 1);
        OnnxValue keys = _blocks.Unsqueeze(_blocks.Range(total), 0); // [1, all]
        OnnxValue own = _blocks.Unsqueeze(_blocks.Range(total, _graph.Node("Sub", [total, count])), 1); // [tokens, 1]
        OnnxValue isHidden = _graph.Node("Greater", [keys, own]); // [tokens, all]
        if (_block.Window.Length is { } window)
        {
            OnnxValue isTooFar = _graph.Node("LessOrEqual", [keys, _graph.Node("Sub", [own, _graph.Whole(window)])]);
            isHidden = _graph.Node("Or", [isHidden, isTooFar]);
        }

        return _blocks.Mask(_graph.Node("Or", [isHidden, _blocks.IsPadding(mask)])); // [batch, 1, tokens, all]
    }
}
