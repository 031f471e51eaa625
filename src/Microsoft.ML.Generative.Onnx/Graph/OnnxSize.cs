namespace Microsoft.ML.Generative.Onnx.Graph;

/// <summary>A dimension of an input or output: a number, or a name for a size that is open.</summary>
internal readonly record struct OnnxSize(long Value, string? Name)
{
    public static implicit operator OnnxSize(long value) => new(value, null);

    public static implicit operator OnnxSize(string name) => new(0, name);

    // TensorShapeProto.Dimension
    public ProtoMessage ToMessage() => Name is null ? new ProtoMessage().Number(1, Value) : new ProtoMessage().Text(2, Name);
}
