using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.OnnxRuntime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Runs a file with ONNX Runtime.</summary>
internal static class OnnxRun
{
    /// <summary>What a file makes of named inputs, by the outputs' names, with their shapes.</summary>
    public static Dictionary<string, (float[] Values, long[] Shape)> Of(string path, params (string Name, Tensor Values)[] inputs)
    {
        using var session = new InferenceSession(path);
        Assert.Equal(session.InputMetadata.Keys.Order(), inputs.Select(i => i.Name).Order());
        OrtValue[] values = [.. inputs.Select(input => Value(input.Values))];
        using var settings = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(
            settings, [.. inputs.Select(i => i.Name)], values, [.. session.OutputMetadata.Keys]);
        Array.ForEach(values, value => value.Dispose());
        return session.OutputMetadata.Keys.Zip(outputs).ToDictionary(
            pair => pair.First, pair => (pair.Second.GetTensorDataAsSpan<float>().ToArray(), pair.Second.GetTensorTypeAndShape().Shape));
    }

    /// <summary>The largest difference to a tensor, whose shape has to be the same.</summary>
    public static double Difference((float[] Values, long[] Shape) found, Tensor expected)
    {
        Assert.Equal(expected.shape, found.Shape);
        float[] values = TensorMemory.ToArray<float>(expected.contiguous());
        Assert.True(values.Max() - values.Min() > 1e-3, "A constant tells nothing.");
        return values.Zip(found.Values, (a, b) => Math.Abs(a - b)).Max();
    }

    private static OrtValue Value(Tensor tensor) => tensor.dtype == ScalarType.Int64
        ? OrtValue.CreateTensorValueFromMemory(TensorMemory.ToArray<long>(tensor.contiguous()), tensor.shape)
        : OrtValue.CreateTensorValueFromMemory(TensorMemory.ToArray<float>(tensor.contiguous()), tensor.shape);
}
