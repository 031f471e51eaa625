using TorchSharp;

namespace Microsoft.ML.Generative.Onnx.Graph;

/// <summary>
/// A computation as a graph of ONNX's operations (https://onnx.ai/onnx/operators), of version <see cref="Opset"/>; the first dimension of
/// inputs and outputs is the batch, of any size.
/// </summary>
internal sealed class OnnxGraph
{
    /// <summary>The version of the operations: the first with a group normalization by channels.</summary>
    public const int Opset = 21;

    private readonly List<(string Name, OnnxType Type, OnnxSize[] Row)> _inputs = [];
    private readonly List<(string Name, OnnxType Type, OnnxSize[] Row)> _outputs = [];
    private readonly List<ProtoMessage> _nodes = [];
    private readonly Dictionary<string, OnnxTensor> _tensors = [];
    private int _values;

    public IEnumerable<(string Name, OnnxType Type, OnnxSize[] Row)> Inputs => _inputs;

    public IEnumerable<(string Name, OnnxType Type, OnnxSize[] Row)> Outputs => _outputs;

    public IEnumerable<ProtoMessage> Nodes => _nodes;

    public IEnumerable<OnnxTensor> Tensors => _tensors.Values;

    /// <summary>What whoever reads the file should know about the model.</summary>
    public Dictionary<string, string> Metadata { get; } = [];

    /// <param name="name">Its name.</param>
    /// <param name="type">The type of its values.</param>
    /// <param name="row">The shape after the batch.</param>
    public OnnxValue Input(string name, OnnxType type, params OnnxSize[] row)
    {
        _inputs.Add((name, type, row));
        return new OnnxValue(name);
    }

    /// <inheritdoc cref="Input(string, OnnxType, OnnxSize[])"/>
    public OnnxValue Input(string name, OnnxType type, long[] row) => Input(name, type, Sized(row));

    /// <param name="name">Its name.</param>
    /// <param name="value">What it puts out.</param>
    /// <param name="row">The shape after the batch.</param>
    public void Output(string name, OnnxValue value, long[] row) => Output(name, value, Sized(row));

    /// <inheritdoc cref="Output(string, OnnxValue, long[])"/>
    public void Output(string name, OnnxValue value, params OnnxSize[] row)
    {
        _outputs.Add((name, OnnxType.Float32, row));
        _nodes.Add(OnnxNode.Message("Identity", [value], name, []));
    }

    /// <summary>A node, whose output this is.</summary>
    public OnnxValue Node(string operation, OnnxValue[] inputs, params (string Name, object Value)[] attributes)
    {
        var output = new OnnxValue($"{operation}_{_values++}");
        _nodes.Add(OnnxNode.Message(operation, inputs, output.Name, attributes));
        return output;
    }

    /// <summary>A weight under its name in the network.</summary>
    public OnnxValue Weight(string name, torch.Tensor values)
    {
        _tensors.TryAdd(name, OnnxTensor.Of(name, values));
        return new OnnxValue(name);
    }

    public OnnxValue Constant(ReadOnlySpan<float> values, params long[] shape)
    {
        string name = $"constant_{_values++}";
        _tensors.Add(name, OnnxTensor.Of(name, values, shape));
        return new OnnxValue(name);
    }

    public OnnxValue Constant(float value) => Constant([value], []);

    /// <summary>A whole number without dimensions.</summary>
    public OnnxValue Whole(long value)
    {
        string name = $"whole_{_values++}";
        _tensors.Add(name, OnnxTensor.Of(name, [value], []));
        return new OnnxValue(name);
    }

    public OnnxValue Sizes(params long[] values)
    {
        string name = $"sizes_{_values++}";
        _tensors.Add(name, OnnxTensor.Of(name, values, [values.Length]));
        return new OnnxValue(name);
    }

    private static OnnxSize[] Sized(long[] row) => [.. row.Select(size => (OnnxSize)size)];
}
