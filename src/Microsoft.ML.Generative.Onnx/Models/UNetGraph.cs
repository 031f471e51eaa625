using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Onnx.Graph;

namespace Microsoft.ML.Generative.Onnx.Models;

/// <summary>
/// A step of a diffusion model: a noisy image and its time to what the U-Net predicts, with the names that diffusers gives inputs and
/// output.
/// </summary>
internal sealed class UNetGraph
{
    public const string SampleName = "sample";
    public const string ConditionName = "condition_image";
    public const string TimestepName = "timestep";
    public const string LabelsName = "class_labels";
    public const string OutputName = "out_sample";

    private const double MaxPeriod = 10_000;

    private readonly NetworkNodes _nodes;
    private readonly UNetArchitecture _config;

    // [batch, embedding size], after the activation
    private readonly OnnxValue _embedding;

    // [batch, tokens, embedding size]
    private readonly OnnxValue? _context;

    private readonly Stack<OnnxValue> _shortcuts = [];

    private UNetGraph(NetworkNodes nodes, UNetArchitecture config, OnnxValue time, OnnxValue? labels)
    {
        (_nodes, _config) = (nodes, config);
        OnnxValue embedding = nodes.Has("time_proj")
            ? nodes.Lookup(nodes.Graph.Node("Cast", [time], ("to", (long)OnnxType.Int64)), "time_proj")
            : Sinusoids(time);
        embedding = nodes.Linear(
            nodes.Silu(nodes.Linear(embedding, "time_embedding.linear_1")), "time_embedding.linear_2");
        if (nodes.Has("class_embedding"))
            embedding = nodes.Add(embedding, nodes.Lookup(labels!.Value, "class_embedding"));
        _embedding = Activate(embedding, config.Activation);
        if (nodes.Has("context_embedding"))
            _context = nodes.Reshape(nodes.Lookup(labels!.Value, "context_embedding"), 0, config.ContextTokens, config.EmbeddingSize);
    }

    public static OnnxGraph Of(DiffusionTransformer model) => model.Network is UNetNetwork network
        ? Of(network, model.Definition.Architecture.Shape, model.ClassNames)
        : throw new NotSupportedException($"{model.Network.GetType().Name} is not supported in ONNX files; expected a U-Net.");

    public static OnnxGraph Of(UNetNetwork network, ImageShape shape, IReadOnlyList<string> classNames)
    {
        UNetArchitecture config = network.Config;
        var graph = new OnnxGraph();
        var nodes = new NetworkNodes(graph, network);
        OnnxValue x = graph.Input(SampleName, OnnxType.Float32, shape.Dimensions);
        OnnxValue time = graph.Input(TimestepName, OnnxType.Float32);
        OnnxValue? labels = config.ClassCount > 0 ? graph.Input(LabelsName, OnnxType.Int64) : null;
        if (config.InChannels > shape.Channels)
        {
            long further = config.InChannels - shape.Channels;
            x = nodes.Join(x, graph.Input(ConditionName, OnnxType.Float32, further, shape.Height, shape.Width));
        }

        OnnxClasses.Describe(graph, classNames);
        OnnxValue predicted = new UNetGraph(nodes, config, time, labels).Predict(x);
        graph.Output(OutputName, predicted, config.OutChannels, shape.Height, shape.Width);
        return graph;
    }

    private OnnxValue Predict(OnnxValue x)
    {
        if (_config.CenterInputSample)
            x = _nodes.Plus(_nodes.Times(x, 2), -1);
        x = _nodes.Convolution(x, "conv_in");
        _shortcuts.Push(x);
        foreach ((string block, _) in _nodes.PartsOf("down_blocks"))
            x = Down(x, block);
        if (_nodes.Has("mid_block"))
            x = Middle(x);
        foreach ((string block, _) in _nodes.PartsOf("up_blocks"))
            x = Up(x, block);
        return _nodes.Convolution(Activate(_nodes.GroupNormalization(x, "conv_norm_out"), _config.OutputActivation), "conv_out");
    }

    private OnnxValue Down(OnnxValue x, string block)
    {
        for (int i = 0; _nodes.Has($"{block}.resnets.{i}"); i++)
        {
            x = Attend(Residual(x, $"{block}.resnets.{i}"), block, i);
            _shortcuts.Push(x);
        }

        if (!_nodes.Has($"{block}.downsamplers"))
            return x;
        x = Resize(x, $"{block}.downsamplers.0");
        _shortcuts.Push(x);
        return x;
    }

    private OnnxValue Middle(OnnxValue x)
    {
        double scale = _config.MidBlockScaleFactor;
        x = Attend(Residual(x, "mid_block.resnets.0", scale), "mid_block", 0, scale);
        return Residual(x, "mid_block.resnets.1", scale);
    }

    private OnnxValue Up(OnnxValue x, string block)
    {
        for (int i = 0; _nodes.Has($"{block}.resnets.{i}"); i++)
            x = Attend(Residual(_nodes.Join(x, _shortcuts.Pop()), $"{block}.resnets.{i}"), block, i);
        return _nodes.Has($"{block}.upsamplers") ? Resize(x, $"{block}.upsamplers.0") : x;
    }

    private OnnxValue Attend(OnnxValue x, string block, int index, double scale = 1)
    {
        if (_nodes.Has($"{block}.attentions"))
            x = Attention(x, $"{block}.attentions.{index}", scale, context: null);
        return _nodes.Has($"{block}.cross_attentions") ? Attention(x, $"{block}.cross_attentions.{index}", scale, _context) : x;
    }

    private OnnxValue Resize(OnnxValue x, string name)
    {
        if (_nodes.Part(name) is UNetResidualBlock)
            return Residual(x, name);
        // A convolution without padding has it at the end alone.
        bool padsEnd = _nodes.Part($"{name}.conv") is Layers.Conv2d { Padding: 0 };
        OnnxValue padded = padsEnd ? _nodes.Graph.Node("Pad", [x, _nodes.Graph.Sizes(0, 0, 0, 0, 0, 0, 1, 1)]) : x;
        return _nodes.Convolution(padded, $"{name}.conv");
    }

    // See UNetResidualBlock.
    private OnnxValue Residual(OnnxValue x, string name, double scale = 1)
    {
        Resampling resampling = ((UNetResidualBlock)_nodes.Part(name)).Resampling;
        OnnxValue h = Activate(_nodes.GroupNormalization(x, $"{name}.norm1"), _config.Activation);
        h = _nodes.Convolution(Resample(h, resampling), $"{name}.conv1");
        x = Resample(x, resampling);
        OnnxValue time = _nodes.Linear(_embedding, $"{name}.time_emb_proj"); // [batch, channels (twice for scale and shift)]
        if (_config.ScalesAndShifts)
        {
            long channels = ((Layers.Linear)_nodes.Part($"{name}.time_emb_proj")).MatrixShape[0] / 2;
            (OnnxValue factor, OnnxValue shift) = _nodes.Halves(time, channels);
            h = _nodes.Times(_nodes.GroupNormalization(h, $"{name}.norm2"), _nodes.PerChannel(_nodes.Plus(factor, 1)));
            h = _nodes.Add(h, _nodes.PerChannel(shift));
        }
        else
        {
            h = _nodes.GroupNormalization(_nodes.Add(h, _nodes.PerChannel(time)), $"{name}.norm2");
        }

        h = _nodes.Convolution(Activate(h, _config.Activation), $"{name}.conv2");
        OnnxValue around = _nodes.Has($"{name}.conv_shortcut") ? _nodes.Convolution(x, $"{name}.conv_shortcut") : x;
        return _nodes.Times(_nodes.Add(around, h), 1 / scale);
    }

    private OnnxValue Resample(OnnxValue x, Resampling resampling) => resampling switch
    {
        Resampling.Down => _nodes.Graph.Node("AveragePool", [x], ("kernel_shape", new[] { 2L, 2 }), ("strides", new[] { 2L, 2 })),
        Resampling.Up => _nodes.Twice(x),
        _ => x,
    };

    // See UNetAttentionBlock.
    private OnnxValue Attention(OnnxValue x, string name, double scale, OnnxValue? context)
    {
        long channels = ((Layers.Linear)_nodes.Part($"{name}.to_q")).MatrixShape[0];
        long headSize = _config.AttentionHeadSize ?? channels;
        OnnxValue normal = _nodes.Has($"{name}.group_norm") ? _nodes.GroupNormalization(x, $"{name}.group_norm") : x;
        OnnxValue pixels = _nodes.Transpose(_nodes.Reshape(normal, 0, channels, -1), 0, 2, 1); // [batch, pixels, channels]
        OnnxValue seen = context ?? pixels;
        OnnxValue queries = Heads(_nodes.Linear(pixels, $"{name}.to_q"), 0, 2, 1, 3); // [batch, heads, pixels, headSize]
        OnnxValue keys = Heads(_nodes.Linear(seen, $"{name}.to_k"), 0, 2, 3, 1); // [batch, heads, headSize, seen]
        OnnxValue values = Heads(_nodes.Linear(seen, $"{name}.to_v"), 0, 2, 1, 3); // [batch, heads, seen, headSize]
        OnnxValue scores = _nodes.Graph.Node("MatMul", [_nodes.Times(queries, 1 / Math.Sqrt(headSize)), keys]);
        OnnxValue attended = _nodes.Graph.Node("MatMul", [_nodes.Softmax(scores), values]); // [batch, heads, pixels, headSize]
        OnnxValue joined = _nodes.Reshape(_nodes.Transpose(attended, 0, 2, 1, 3), 0, -1, channels); // [batch, pixels, channels]
        OnnxValue h = _nodes.Transpose(_nodes.Linear(joined, $"{name}.to_out.0"), 0, 2, 1); // [batch, channels, pixels]
        OnnxValue image = _nodes.Graph.Node("Reshape", [h, _nodes.Graph.Node("Shape", [x])]);
        return _nodes.Times(_nodes.Add(x, image), 1 / scale);

        OnnxValue Heads(OnnxValue all, params long[] order) =>
            _nodes.Transpose(_nodes.Reshape(all, 0, -1, channels / headSize, headSize), order);
    }

    private OnnxValue Activate(OnnxValue x, UNetActivation activation) => activation switch
    {
        UNetActivation.Mish => _nodes.Graph.Node("Mish", [x]),
        UNetActivation.Gelu => _nodes.Graph.Node("Gelu", [x]),
        UNetActivation.Relu => _nodes.Relu(x),
        _ => _nodes.Silu(x),
    };

    // See Sinusoids: [batch] to [batch, size].
    private OnnxValue Sinusoids(OnnxValue time)
    {
        int size = _config.BlockOutChannels[0], half = size / 2;
        float[] frequencies = [.. Enumerable.Range(0, half)
            .Select(i => (float)Math.Exp(-Math.Log(MaxPeriod) * i / (half - _config.FrequencyShift)))];
        OnnxValue angles = _nodes.Times(
            _nodes.Graph.Node("Unsqueeze", [time, _nodes.Graph.Sizes(1)]), _nodes.Graph.Constant(frequencies, 1, half)); // [batch, half]
        OnnxValue sines = _nodes.Graph.Node("Sin", [angles]), cosines = _nodes.Graph.Node("Cos", [angles]);
        OnnxValue values = _config.FlipSinToCos ? _nodes.Join(cosines, sines) : _nodes.Join(sines, cosines);
        return size % 2 == 0 ? values : _nodes.Graph.Node("Pad", [values, _nodes.Graph.Sizes(0, 0, 0, 1)]);
    }
}
