namespace Microsoft.ML.Generative.Onnx.Graph;

/// <summary>Types of values, with the numbers that ONNX gives them (onnx.proto, TensorProto.DataType).</summary>
internal enum OnnxType
{
    Float32 = 1,
    Int64 = 7,
}
