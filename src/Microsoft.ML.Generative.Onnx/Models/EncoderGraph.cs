using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Onnx.Graph;
using Microsoft.ML.Generative.Text.Encoders;

namespace Microsoft.ML.Generative.Onnx.Models;

/// <summary>
/// An encoder of texts with what stands on it: tokens to vectors, classes or tokens, with the names that optimum gives inputs and outputs.
/// </summary>
internal sealed class EncoderGraph
{
    public const string TokensName = "input_ids";
    public const string MaskName = "attention_mask";
    public const string SegmentsName = "token_type_ids";
    public const string TokenEmbeddingsName = "token_embeddings";
    public const string EmbeddingName = "sentence_embedding";
    public const string LogitsName = "logits";

    private const string Encoder = "encoder";
    private const float Lowest = -3.3e38f;
    private const float ShortestLength = 1e-12f;

    private readonly NetworkNodes _nodes;
    private readonly TransformerNodes _blocks;
    private readonly OnnxGraph _graph;
    private readonly EncoderArchitecture _architecture;
    private readonly OnnxValue _tokens;

    // [batch, 1, 1, tokens]
    private readonly OnnxValue _isPadding;

    // [batch, tokens, width]
    private readonly OnnxValue _hidden;

    private EncoderGraph(EncoderModel model)
    {
        _graph = new OnnxGraph();
        (_nodes, _architecture) = (new NetworkNodes(_graph, model), model.Encoder.Architecture);
        _blocks = new TransformerNodes(_nodes);
        _tokens = _graph.Input(TokensName, OnnxType.Int64, "sequence");
        _isPadding = _blocks.IsPadding(_graph.Input(MaskName, OnnxType.Int64, "sequence"));
        _hidden = Hidden(model.Encoder);
    }

    public static OnnxGraph Of(SentenceEmbeddingTransformer model)
    {
        var encoder = new EncoderGraph(model.Networks.Model);
        OnnxValue pooled = encoder.Pool(model.Pooling);
        if (model.IsNormalized)
            pooled = encoder.Normalize(pooled);
        encoder._graph.Output(TokenEmbeddingsName, encoder._hidden, "sequence", model.EmbeddingSize);
        encoder._graph.Output(EmbeddingName, pooled, [model.EmbeddingSize]);
        return encoder._graph;
    }

    public static OnnxGraph Of(TextClassificationTransformer model)
    {
        var encoder = new EncoderGraph(model.Networks.Model);
        encoder._graph.Output(LogitsName, encoder.Classes(encoder.Pool(model.Definition.Pooling), model.Head.Kind), [model.ClassCount]);
        OnnxClasses.Describe(encoder._graph, model.ClassNames);
        return encoder._graph;
    }

    public static OnnxGraph Of(MaskedLanguageModelTransformer model)
    {
        var encoder = new EncoderGraph(model.Networks.Model);
        encoder._graph.Output(LogitsName, encoder.Tokens(model.Head), "sequence", model.Architecture.VocabularySize);
        return encoder._graph;
    }

    // See EncoderNetwork.
    private OnnxValue Hidden(EncoderNetwork network)
    {
        OnnxValue time = _blocks.Dimension(_tokens, 1), positions = _blocks.Range(time); // [tokens]
        OnnxValue x = _nodes.Lookup(_tokens, $"{Encoder}.tokens"); // [batch, tokens, width]
        if (network.Positions is { } table)
        {
            OnnxValue places = _graph.Node("Add", [positions, _graph.Whole(_architecture.FirstPosition)]);
            x = _nodes.Add(x, _graph.Node("Gather", [_graph.Weight($"{Encoder}.positions", table), places]));
        }

        if (network.Segments is not null)
        {
            OnnxValue segments =
                _architecture.SegmentCount > 1 ? _graph.Input(SegmentsName, OnnxType.Int64, "sequence") : _graph.Whole(0);
            x = _nodes.Add(x, _nodes.Lookup(segments, $"{Encoder}.segments"));
        }

        x = _blocks.Normalization(x, $"{Encoder}.embeddingNorm");
        Surroundings all = new(_blocks.Mask(_isPadding), Rotary(_architecture.Rotary)), near = all;
        if (_architecture.LocalAttention is { } local)
            near = new(_blocks.Mask(_graph.Node("Or", [IsFar(positions, local / 2), _isPadding])), Rotary(_architecture.LocalRotary));
        for (int i = 0; i < network.Blocks.Count; i++)
            x = Block(x, network.Blocks[i], i, _architecture.IsLocal(i) ? near : all);
        return network.Norm is null ? x : _blocks.Normalization(x, $"{Encoder}.norm");

        RotaryNodes? Rotary(RotaryShape? shape) =>
            shape is null ? null : _blocks.Rotary(shape, _architecture.ContextLength, _blocks.Unsqueeze(positions, 0));
    }

    // [tokens, tokens]
    private OnnxValue IsFar(OnnxValue positions, long reach)
    {
        OnnxValue distance = _graph.Node("Sub", [_blocks.Unsqueeze(positions, 0), _blocks.Unsqueeze(positions, 1)]);
        return _graph.Node("Greater", [_graph.Node("Abs", [distance]), _graph.Whole(reach)]);
    }

    // See TransformerBlock.
    private OnnxValue Block(OnnxValue x, TransformerBlock block, int index, Surroundings surroundings)
    {
        string name = $"{Encoder}.blocks.{index}", attentionNorm = $"{name}.attentionNorm", feedForwardNorm = $"{name}.feedForwardNorm";
        TransformerBlockShape shape = _architecture.BlockAt(index);
        if (shape.NormalizesSums)
        {
            x = _blocks.Normalization(_nodes.Add(x, Attention(x, name, shape, surroundings)), attentionNorm);
            return _blocks.Normalization(_nodes.Add(x, _blocks.FeedForward(x, name, shape)), feedForwardNorm);
        }

        OnnxValue normal = block.HasAttentionNorm ? _blocks.Normalization(x, attentionNorm) : x;
        x = _nodes.Add(x, Attention(normal, name, shape, surroundings));
        return _nodes.Add(x, _blocks.FeedForward(_blocks.Normalization(x, feedForwardNorm), name, shape));
    }

    private OnnxValue Attention(OnnxValue x, string name, TransformerBlockShape shape, Surroundings surroundings)
    {
        OnnxValue all = _nodes.Linear(x, $"{name}.queriesKeysValues"); // [batch, tokens, 3 · width]
        OnnxValue queries = _blocks.Rotate(_blocks.Heads(all, shape, 0, shape.Heads), surroundings.Rotary);
        OnnxValue keys = _blocks.Rotate(_blocks.Heads(all, shape, shape.Heads, shape.Heads), surroundings.Rotary);
        OnnxValue values = _blocks.Heads(all, shape, 2L * shape.Heads, shape.Heads);
        return _nodes.Linear(_blocks.Attend(queries, keys, values, surroundings.Mask, shape), $"{name}.attentionOut");
    }

    // See Pooling: [batch, width].
    private OnnxValue Pool(EmbeddingPooling kind)
    {
        OnnxValue isPadding = _nodes.Reshape(_isPadding, 0, -1, 1); // [batch, tokens, 1]
        switch (kind)
        {
            case EmbeddingPooling.FirstToken:
                return First();
            case EmbeddingPooling.Pooler:
                return _nodes.Tanh(_nodes.Linear(First(), $"{Encoder}.pooler"));
            case EmbeddingPooling.Max:
                OnnxValue values = _graph.Node("Where", [isPadding, _graph.Constant(Lowest), _hidden]);
                return _graph.Node("ReduceMax", [values, _graph.Sizes(1)], ("keepdims", 0L));
            default:
                OnnxValue weights = _graph.Node("Where", [isPadding, _graph.Constant(0), _graph.Constant(1)]);
                return _graph.Node("Div", [Sum(_nodes.Times(_hidden, weights)), Sum(weights)]);
        }

        OnnxValue First() => _graph.Node("Gather", [_hidden, _graph.Whole(0)], ("axis", 1L));

        OnnxValue Sum(OnnxValue x) => _graph.Node("ReduceSum", [x, _graph.Sizes(1)], ("keepdims", 0L));
    }

    private OnnxValue Normalize(OnnxValue x)
    {
        OnnxValue length = _graph.Node("ReduceL2", [x, _graph.Sizes(1)]); // [batch, 1]
        return _graph.Node("Div", [x, _graph.Node("Max", [length, _graph.Constant(ShortestLength)])]);
    }

    // See ClassificationHead: [batch, classes].
    private OnnxValue Classes(OnnxValue pooled, ClassificationHeadKind kind)
    {
        OnnxValue hidden = _nodes.Linear(pooled, $"{EncoderModel.HeadName}.dense");
        hidden = kind switch
        {
            ClassificationHeadKind.Relu => _nodes.Relu(hidden),
            ClassificationHeadKind.NormalizedGelu => _blocks.Normalization(_blocks.Gelu(hidden), $"{EncoderModel.HeadName}.norm"),
            _ => _nodes.Tanh(hidden),
        };
        return _nodes.Linear(hidden, $"{EncoderModel.HeadName}.output");
    }

    // See MaskedTokenHead: [batch, tokens, vocabulary].
    private OnnxValue Tokens(MaskedTokenHead head)
    {
        OnnxValue x = _blocks.Gelu(_nodes.Linear(_hidden, $"{EncoderModel.HeadName}.dense"), head.IsTanh);
        x = _blocks.Normalization(x, $"{EncoderModel.HeadName}.norm");
        OnnxValue product = _graph.Node("MatMul", [x, _nodes.Transpose(new OnnxValue($"{Encoder}.tokens.weight"), 1, 0)]);
        return _nodes.Add(product, _graph.Weight($"{EncoderModel.HeadName}.bias", head.Bias));
    }

    // What a block knows beside its input: what is added to scores, and where the positions are.
    private sealed record Surroundings(OnnxValue Mask, RotaryNodes? Rotary);
}
