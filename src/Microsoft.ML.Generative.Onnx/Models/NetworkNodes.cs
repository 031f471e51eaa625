using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Onnx.Graph;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Onnx.Models;

/// <summary>Nodes that compute what a network's layers do; weights have their names in the network.</summary>
/// <exception cref="NotSupportedException">
/// A layer has an adapter, or its weight is stored in another form; the message names it.
/// </exception>
internal sealed class NetworkNodes
{
    private readonly Dictionary<string, nn.Module> _modules;
    private readonly PlainLayers _layers;

    public NetworkNodes(OnnxGraph graph, nn.Module network)
    {
        Graph = graph;
        _modules = network.named_modules().ToDictionary(module => module.name, module => module.module);
        _layers = new PlainLayers(network, "ONNX files hold");
        _layers.Check();
    }

    public OnnxGraph Graph { get; }

    /// <summary>Whether the network has a part.</summary>
    public bool Has(string name) => _modules.ContainsKey(name);

    public nn.Module Part(string name) => _modules[name];

    /// <summary>The parts of a part, in their order: their whole names, and they.</summary>
    public IEnumerable<(string Name, nn.Module Module)> PartsOf(string name) =>
        _modules[name].named_children().Select(child => ($"{name}.{child.name}", child.module));

    /// <summary>[.., inputs] to [.., outputs].</summary>
    public OnnxValue Linear(OnnxValue x, string name)
    {
        var layer = (Linear)_modules[name];
        OnnxValue product = Graph.Node("MatMul", [x, Graph.Weight($"{name}.weight", _layers.WeightOf(layer).t())]);
        return layer.Bias is { } bias ? Add(product, Graph.Weight($"{name}.bias", bias)) : product;
    }

    /// <summary>[batch, inputs, height, width] to [batch, outputs, ..].</summary>
    public OnnxValue Convolution(OnnxValue x, string name)
    {
        var layer = (WeightedLayer)_modules[name];
        OnnxValue weight = Graph.Weight($"{name}.weight", _layers.WeightOf(layer));
        OnnxValue[] inputs = layer.Bias is { } bias ? [x, weight, Graph.Weight($"{name}.bias", bias)] : [x, weight];
        switch (layer)
        {
            case Conv2d convolution:
                return Graph.Node("Conv", inputs, Strides(convolution.Stride), Pads(convolution.Padding));
            case ConvTranspose2d transposed:
                return Graph.Node(
                    "ConvTranspose", inputs, Strides(transposed.Stride), Pads(transposed.Padding),
                    ("output_padding", new[] { transposed.OutputPadding, transposed.OutputPadding }));
            case UpsamplingConv2d:
                inputs[0] = Twice(x);
                return Graph.Node("Conv", inputs, Pads(1));
            default:
                throw new NotSupportedException($"'{name}' is {layer.GetType().Name}, which is not supported in ONNX files.");
        }

        static (string, object) Strides(long stride) => ("strides", new[] { stride, stride });
        static (string, object) Pads(long padding) => ("pads", new[] { padding, padding, padding, padding });
    }

    /// <summary>Twice the height and width by nearest neighbors.</summary>
    public OnnxValue Twice(OnnxValue x) => Graph.Node(
        "Resize", [x, default, Graph.Constant([1, 1, 2, 2], 4)],
        ("mode", "nearest"), ("coordinate_transformation_mode", "asymmetric"), ("nearest_mode", "floor"));

    /// <summary>The layer as it is after the training, [batch, channels, ..] of the same shape.</summary>
    /// <param name="x">[batch, channels, height, width].</param>
    /// <param name="name">The layer.</param>
    /// <param name="condition">[batch, condition size], for a layer that follows one.</param>
    public OnnxValue BatchNormalization(OnnxValue x, string name, OnnxValue? condition = null)
    {
        var layer = (BatchNormalization)_modules[name];
        Dictionary<string, Tensor> tensors = layer.state_dict();
        Tensor mean = tensors["running_mean"];
        bool isConditional = Has($"{name}.gains");
        OnnxValue scale = isConditional
            ? Graph.Constant([.. Enumerable.Repeat(1f, (int)mean.numel())], mean.numel())
            : Graph.Weight($"{name}.weight", tensors["weight"]);
        OnnxValue shift = isConditional
            ? Graph.Constant(new float[mean.numel()], mean.numel())
            : Graph.Weight($"{name}.bias", tensors["bias"]);
        OnnxValue normal = Graph.Node(
            "BatchNormalization",
            [x, scale, shift, Graph.Weight($"{name}.running_mean", mean), Graph.Weight($"{name}.running_var", tensors["running_var"])],
            ("epsilon", (float)Layers.BatchNormalization.Epsilon));
        if (!isConditional)
            return normal;
        OnnxValue gains = PerChannel(Add(Linear(condition!.Value, $"{name}.gains"), Graph.Constant(1)));
        return Add(Times(normal, gains), PerChannel(Linear(condition.Value, $"{name}.biases")));
    }

    /// <summary>[batch, channels, height, width] to the same shape.</summary>
    public OnnxValue GroupNormalization(OnnxValue x, string name)
    {
        var layer = (GroupNormalization)_modules[name];
        Dictionary<string, Tensor> tensors = layer.state_dict();
        return Graph.Node(
            "GroupNormalization", [x, Graph.Weight($"{name}.weight", tensors["weight"]), Graph.Weight($"{name}.bias", tensors["bias"])],
            ("epsilon", (float)layer.Epsilon), ("num_groups", (long)layer.Groups));
    }

    /// <summary>A batch or group normalization.</summary>
    public OnnxValue Normalization(OnnxValue x, string name) =>
        Part(name) is BatchNormalization ? BatchNormalization(x, name) : GroupNormalization(x, name);

    /// <summary>The vectors of classes, [batch] to [batch, size].</summary>
    public OnnxValue Lookup(OnnxValue classes, string name) =>
        Graph.Node("Gather", [Graph.Weight($"{name}.weight", ((EmbeddingTable)_modules[name]).Weight), classes]);

    /// <summary>[batch] to [batch, classes], with a one in the place of the class.</summary>
    public OnnxValue OneHot(OnnxValue classes, int count) =>
        Graph.Node("OneHot", [classes, Graph.Sizes(count), Graph.Constant([0, 1], 2)], ("axis", -1L));

    /// <summary>Another shape, in which 0 stands for the size that is there.</summary>
    public OnnxValue Reshape(OnnxValue x, params long[] sizes) => Graph.Node("Reshape", [x, Graph.Sizes(sizes)]);

    public OnnxValue Transpose(OnnxValue x, params long[] order) => Graph.Node("Transpose", [x], ("perm", order));

    public OnnxValue Join(params OnnxValue[] values) => Graph.Node("Concat", values, ("axis", 1L));

    /// <summary>The two halves of dimension 1, each of a size.</summary>
    public (OnnxValue First, OnnxValue Second) Halves(OnnxValue x, long size) => (Slice(x, 1, 0, size), Slice(x, 1, size, 2 * size));

    public OnnxValue Slice(OnnxValue x, long dimension, long start, long end) =>
        Graph.Node("Slice", [x, Graph.Sizes(start), Graph.Sizes(end), Graph.Sizes(dimension)]);

    public OnnxValue Add(OnnxValue a, OnnxValue b) => Graph.Node("Add", [a, b]);

    public OnnxValue Times(OnnxValue a, OnnxValue b) => Graph.Node("Mul", [a, b]);

    public OnnxValue Times(OnnxValue a, double factor) => factor == 1 ? a : Times(a, Graph.Constant((float)factor));

    public OnnxValue Plus(OnnxValue a, double term) => Add(a, Graph.Constant((float)term));

    public OnnxValue Relu(OnnxValue x) => Graph.Node("Relu", [x]);

    public OnnxValue LeakyRelu(OnnxValue x, double slope) => Graph.Node("LeakyRelu", [x], ("alpha", (float)slope));

    public OnnxValue Sigmoid(OnnxValue x) => Graph.Node("Sigmoid", [x]);

    public OnnxValue Silu(OnnxValue x) => Times(x, Sigmoid(x));

    public OnnxValue Tanh(OnnxValue x) => Graph.Node("Tanh", [x]);

    public OnnxValue Softmax(OnnxValue x) => Graph.Node("Softmax", [x], ("axis", -1L));

    /// <summary>From −1..1 to 0..1; values beyond become 0 or 1.</summary>
    public OnnxValue ToUnit(OnnxValue x) =>
        Graph.Node("Clip", [Plus(Times(x, 0.5), 0.5), Graph.Constant(0), Graph.Constant(1)]);

    /// <summary>[batch, channels] to [batch, channels, 1, 1].</summary>
    public OnnxValue PerChannel(OnnxValue x) => Graph.Node("Unsqueeze", [x, Graph.Sizes(2, 3)]);
}
