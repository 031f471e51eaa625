using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Onnx.Graph;
using Microsoft.ML.Generative.Text.EncoderDecoders;

namespace Microsoft.ML.Generative.Onnx.Models;

/// <summary>The two halves of T5, with the names that optimum gives inputs and outputs.</summary>
internal sealed class SequenceToSequenceGraph
{
    public const string TokensName = "input_ids";
    public const string MaskName = "attention_mask";
    public const string StatesName = "last_hidden_state";
    public const string SourceStatesName = "encoder_hidden_states";
    public const string SourceMaskName = "encoder_attention_mask";
    public const string LogitsName = "logits";

    private readonly SequenceToSequenceArchitecture _architecture;
    private readonly OnnxGraph _graph = new();
    private readonly NetworkNodes _nodes;
    private readonly TransformerNodes _blocks;

    private SequenceToSequenceGraph(SequenceToSequenceNetwork network)
    {
        _architecture = network.Architecture;
        _nodes = new NetworkNodes(_graph, network);
        _blocks = new TransformerNodes(_nodes);
    }

    /// <summary>Sources to what the decoder attends to.</summary>
    public static OnnxGraph Encoder(SequenceToSequenceNetwork network)
    {
        var graph = new SequenceToSequenceGraph(network);
        graph.AddEncoder(network);
        return graph._graph;
    }

    /// <summary>The beginnings of outputs, and what they attend to, to the logits of the token that follows each position.</summary>
    public static OnnxGraph Decoder(SequenceToSequenceNetwork network)
    {
        var graph = new SequenceToSequenceGraph(network);
        graph.AddDecoder(network);
        return graph._graph;
    }

    private void AddEncoder(SequenceToSequenceNetwork network)
    {
        OnnxValue tokens = _graph.Input(TokensName, OnnxType.Int64, "sequence");
        OnnxValue mask = _graph.Input(MaskName, OnnxType.Int64, "sequence");
        OnnxValue time = _blocks.Dimension(tokens, 1);
        OnnxValue bias = _blocks.RelativeBias(network.Encoder.Relative, _architecture.Relative(isBidirectional: true), time, time);
        OnnxValue added = _nodes.Add(bias, _blocks.Mask(_blocks.IsPadding(mask))); // [batch, heads, tokens, tokens]
        TransformerBlockShape shape = _architecture.EncoderBlock;
        OnnxValue x = _nodes.Lookup(tokens, "decoder.tokens"); // [batch, tokens, width]
        for (int i = 0; i < network.Encoder.Blocks.Count; i++)
            x = FeedForward(Attention(x, $"encoder.blocks.{i}", added, shape), $"encoder.blocks.{i}", shape);
        _graph.Output(StatesName, _blocks.Normalization(x, "encoder.norm"), "sequence", _architecture.EmbeddingSize);
    }

    private void AddDecoder(SequenceToSequenceNetwork network)
    {
        OnnxValue sourceMask = _graph.Input(SourceMaskName, OnnxType.Int64, "source");
        OnnxValue tokens = _graph.Input(TokensName, OnnxType.Int64, "sequence");
        OnnxValue states = _graph.Input(SourceStatesName, OnnxType.Float32, "source", _architecture.EmbeddingSize);
        DecoderShape decoder = _architecture.Decoder;
        OnnxValue time = _blocks.Dimension(tokens, 1), positions = _blocks.Range(time);
        OnnxValue bias = _blocks.RelativeBias(network.Decoder.Relative!, decoder.Relative!, time, time);
        OnnxValue isLater = _graph.Node("Greater", [_blocks.Unsqueeze(positions, 0), _blocks.Unsqueeze(positions, 1)]);
        OnnxValue added = _nodes.Add(bias, _blocks.Mask(isLater)); // [1, heads, tokens, tokens]
        OnnxValue sourceAdded = _blocks.Mask(_blocks.IsPadding(sourceMask)); // [batch, 1, 1, source]
        OnnxValue x = _nodes.Lookup(tokens, "decoder.tokens"); // [batch, tokens, width]
        for (int i = 0; i < network.Decoder.Blocks.Count; i++)
        {
            string name = $"decoder.blocks.{i}";
            x = Attention(x, name, added, decoder.Block);
            x = CrossAttention(x, $"{name}.cross", states, sourceAdded, decoder.Block);
            x = FeedForward(x, name, decoder.Block);
        }

        OnnxValue hidden = _nodes.Times(_blocks.Normalization(x, "decoder.norm"), decoder.HeadScale);
        OnnxValue logits = decoder.TiesEmbeddings
            ? _graph.Node("MatMul", [hidden, _nodes.Transpose(new OnnxValue("decoder.tokens.weight"), 1, 0)])
            : _nodes.Linear(hidden, "decoder.head");
        _graph.Output(LogitsName, logits, "sequence", _architecture.VocabularySize);
    }

    private OnnxValue Attention(OnnxValue x, string name, OnnxValue added, TransformerBlockShape shape)
    {
        OnnxValue all = _nodes.Linear(_blocks.Normalization(x, $"{name}.attentionNorm"), $"{name}.queriesKeysValues");
        OnnxValue queries = _blocks.Heads(all, shape, 0, shape.Heads), keys = _blocks.Heads(all, shape, shape.Heads, shape.Heads);
        OnnxValue values = _blocks.Heads(all, shape, 2L * shape.Heads, shape.Heads);
        return _nodes.Add(x, _nodes.Linear(_blocks.Attend(queries, keys, values, added, shape), $"{name}.attentionOut"));
    }

    // See Layers.CrossAttention.
    private OnnxValue CrossAttention(OnnxValue x, string name, OnnxValue states, OnnxValue added, TransformerBlockShape shape)
    {
        OnnxValue own = _nodes.Linear(_blocks.Normalization(x, $"{name}.norm"), $"{name}.queries");
        OnnxValue others = _nodes.Linear(states, $"{name}.keysValues"); // [batch, source, 2 · heads · headSize]
        OnnxValue queries = _blocks.Heads(own, shape, 0, shape.Heads), keys = _blocks.Heads(others, shape, 0, shape.Heads);
        OnnxValue values = _blocks.Heads(others, shape, shape.Heads, shape.Heads);
        return _nodes.Add(x, _nodes.Linear(_blocks.Attend(queries, keys, values, added, shape), $"{name}.output"));
    }

    private OnnxValue FeedForward(OnnxValue x, string name, TransformerBlockShape shape) =>
        _nodes.Add(x, _blocks.FeedForward(_blocks.Normalization(x, $"{name}.feedForwardNorm"), name, shape));
}
