using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Flows;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Onnx.Graph;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Onnx.Models;

/// <summary>The two directions of a normalizing flow: rows to latent values and their density, and latent values to rows.</summary>
internal sealed class FlowGraph
{
    private readonly FlowArchitecture _architecture;
    private readonly FlowColumns _columns;
    private readonly OnnxGraph _graph = new();
    private readonly NetworkNodes _nodes;

    private FlowGraph(FlowTransformer model)
    {
        (_architecture, _columns) = (model.Architecture, model.Definition.Columns);
        _nodes = new NetworkNodes(_graph, model.Network);
    }

    /// <summary>Rows to their latent values and −log p.</summary>
    public static OnnxGraph Encoder(FlowTransformer model)
    {
        var graph = new FlowGraph(model);
        graph.AddEncoder(model);
        return graph._graph;
    }

    /// <summary>Latent values to rows.</summary>
    public static OnnxGraph Decoder(FlowTransformer model)
    {
        var graph = new FlowGraph(model);
        graph.AddDecoder(model);
        return graph._graph;
    }

    // See FlowNetwork.
    private void AddEncoder(FlowTransformer model)
    {
        long size = _architecture.Row.Size;
        OnnxValue input = _graph.Input(_columns.Input, OnnxType.Float32, _architecture.Row.Dimensions);
        OnnxValue? classes = Classes(model);
        OnnxValue x = _graph.Node("Flatten", [input], ("axis", 1L)); // [batch, values]
        OnnxValue logDeterminant = _graph.Constant([0], 1); // [batch or 1]
        // What of the logarithm is the same for all rows.
        double common = -0.5 * Math.Log(2 * Math.PI) * size;
        if (_architecture.IsDequantized)
        {
            (x, logDeterminant) = Dequantize(x);
            common += size * Dequantization.LogScalePerValue;
        }

        (OnnxValue mean, OnnxValue deviation, Tensor deviations) = Standardization();
        x = _graph.Node("Div", [_graph.Node("Sub", [x, mean]), deviation]);
        common -= Total(deviations, values => values.log());
        for (int i = 0; i < _architecture.CouplingLayers; i++)
        {
            Coupling coupling = CouplingOf(i);
            (OnnxValue s, OnnxValue t) = Conditioned(x, coupling, classes);
            x = _nodes.Add(_nodes.Add(_nodes.Times(x, _graph.Node("Exp", [s])), t), coupling.Shift);
            x = _nodes.Times(x, _graph.Node("Exp", [coupling.LogScale]));
            logDeterminant = _nodes.Add(logDeterminant, Sum(s));
            common += Total(coupling.LogScales, values => values);
        }

        _graph.Output(_columns.Latent, x, [size]);
        OnnxValue square = _nodes.Times(Sum(_nodes.Times(x, x)), 0.5);
        _graph.Output(
            _columns.NegativeLogDensity, _nodes.Plus(_graph.Node("Sub", [square, logDeterminant]), -common), Array.Empty<long>());
    }

    private void AddDecoder(FlowTransformer model)
    {
        OnnxValue x = _graph.Input(_columns.Latent, OnnxType.Float32, _architecture.Row.Size);
        OnnxValue? classes = Classes(model);
        for (int i = _architecture.CouplingLayers - 1; i >= 0; i--)
        {
            Coupling coupling = CouplingOf(i);
            x = _nodes.Times(x, _graph.Node("Exp", [_graph.Node("Neg", [coupling.LogScale])]));
            x = _graph.Node("Sub", [x, coupling.Shift]);
            (OnnxValue s, OnnxValue t) = Conditioned(x, coupling, classes);
            x = _nodes.Times(_graph.Node("Sub", [x, t]), _graph.Node("Exp", [_graph.Node("Neg", [s])]));
        }

        (OnnxValue mean, OnnxValue deviation, _) = Standardization();
        x = _nodes.Add(_nodes.Times(x, deviation), mean);
        if (_architecture.IsDequantized)
            x = Quantize(x);
        _graph.Output(
            FlowTransformer.GeneratedColumnName, _nodes.Reshape(x, [0, .. _architecture.Row.Dimensions]), _architecture.Row.Dimensions);
    }

    private OnnxValue? Classes(FlowTransformer model) =>
        OnnxClasses.Input(_graph, _columns.Label, _architecture.LabelCount, model.ClassNames) is { } classes
            ? _nodes.OneHot(classes, _architecture.LabelCount)
            : null;

    // See Dequantization: each byte in the middle of its level; [batch, values] and [batch].
    private (OnnxValue Values, OnnxValue LogDeterminant) Dequantize(OnnxValue x)
    {
        OnnxValue levels = _graph.Node("Round", [_nodes.Times(x, Dequantization.Levels - 1)]);
        OnnxValue unit = _nodes.Times(_nodes.Plus(levels, 0.5), 1.0 / Dequantization.Levels);
        OnnxValue inside = _nodes.Plus(_nodes.Times(unit, 1 - 2 * Dequantization.Margin), Dequantization.Margin);
        OnnxValue log = _graph.Node("Log", [inside]);
        OnnxValue logRest = _graph.Node("Log", [_graph.Node("Sub", [_graph.Constant(1), inside])]);
        return (_graph.Node("Sub", [log, logRest]), _graph.Node("Neg", [Sum(_nodes.Add(log, logRest))]));
    }

    private OnnxValue Quantize(OnnxValue values)
    {
        OnnxValue unit = _nodes.Times(
            _nodes.Plus(_nodes.Sigmoid(values), -Dequantization.Margin), 1 / (1 - 2 * Dequantization.Margin));
        OnnxValue levels = _graph.Node("Floor", [_nodes.Times(unit, Dequantization.Levels)]);
        OnnxValue within = _graph.Node("Clip", [levels, _graph.Constant(0), _graph.Constant(Dequantization.Levels - 1)]);
        return _nodes.Times(within, 1.0 / (Dequantization.Levels - 1));
    }

    private (OnnxValue Mean, OnnxValue Deviation, Tensor Deviations) Standardization()
    {
        Dictionary<string, Tensor> tensors = _nodes.Part("standardization").state_dict();
        Tensor deviations = tensors["deviation"];
        return (
            _graph.Weight("standardization.mean", tensors["mean"]), _graph.Weight("standardization.deviation", deviations), deviations);
    }

    private Coupling CouplingOf(int index)
    {
        string name = $"couplings.{index}";
        Dictionary<string, Tensor> tensors = _nodes.Part(name).state_dict();
        return new Coupling(
            index, name, Weight("shift"), Weight("logScale"), Weight("mask"), tensors["logScale"]);

        OnnxValue Weight(string part) => _graph.Weight($"{name}.{part}", tensors[part]);
    }

    // See AffineCoupling: s and t, [batch, values] each.
    private (OnnxValue S, OnnxValue T) Conditioned(OnnxValue x, Coupling coupling, OnnxValue? classes)
    {
        long size = _architecture.Row.Size;
        OnnxValue kept = _graph.Node("Sub", [x, _nodes.Times(x, coupling.Mask)]);
        string name = $"{coupling.Name}.conditioner";
        OnnxValue outputs = _architecture.Row.Image is { } image
            ? Convolutions(kept, name, image, 1 << CouplingMask.ScaleOf(image, coupling.Index), classes)
            : Mlp(classes is { } c ? _nodes.Join(kept, c) : kept, name);
        (OnnxValue s, OnnxValue t) = _nodes.Halves(outputs, size);
        double most = _architecture.MaxLogScale;
        s = _nodes.Times(_nodes.Tanh(_nodes.Times(s, 1 / most)), most);
        return (_nodes.Times(s, coupling.Mask), _nodes.Times(t, coupling.Mask));
    }

    // See MlpConditioner.
    private OnnxValue Mlp(OnnxValue x, string name)
    {
        foreach ((string part, nn.Module module) in _nodes.PartsOf($"{name}.layers"))
            x = module is Linear ? _nodes.Linear(x, part) : _nodes.Silu(x);
        return x;
    }

    // See ConvolutionalConditioner.
    private OnnxValue Convolutions(OnnxValue x, string name, ImageShape image, long cell, OnnxValue? classes)
    {
        (long channels, long height, long width) = (image.Channels, image.Height / cell, image.Width / cell);
        // Cells of pixels become channels.
        OnnxValue cells = _nodes.Transpose(_nodes.Reshape(x, 0, channels, height, cell, width, cell), 0, 1, 3, 5, 2, 4);
        OnnxValue hidden = _nodes.Convolution(_nodes.Reshape(cells, 0, channels * cell * cell, height, width), $"{name}.first");
        if (classes is { } c)
            hidden = _nodes.Add(hidden, _nodes.PerChannel(_nodes.Linear(c, $"{name}.label")));
        OnnxValue outputs = _nodes.Convolution(_nodes.Silu(hidden), $"{name}.second");
        outputs = _nodes.Convolution(_nodes.Silu(outputs), $"{name}.third"); // [batch, 2 · channels · cell², height, width]
        outputs = _graph.Node("DepthToSpace", [outputs], ("blocksize", cell), ("mode", "CRD"));
        return _graph.Node("Flatten", [outputs], ("axis", 1L));
    }

    private static double Total(Tensor values, Func<Tensor, Tensor> change)
    {
        using DisposeScope scope = NewDisposeScope();
        return change(values.to(ScalarType.Float64)).sum().ToDouble();
    }

    private OnnxValue Sum(OnnxValue x) => _graph.Node("ReduceSum", [x, _graph.Sizes(1)], ("keepdims", 0L));

    private sealed record Coupling(
        int Index, string Name, OnnxValue Shift, OnnxValue LogScale, OnnxValue Mask, Tensor LogScales);
}
