namespace Microsoft.ML.Generative.Onnx.Graph;

/// <summary>A value of a graph by its name: an input, a weight, or what a node puts out.</summary>
internal readonly record struct OnnxValue(string Name);
