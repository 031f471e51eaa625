using System.Text.Json;
using Microsoft.ML.Generative.Onnx.Graph;

namespace Microsoft.ML.Generative.Onnx.Models;

/// <summary>The classes that a model knows, as an input and by their names.</summary>
internal static class OnnxClasses
{
    public const string NamesKey = "class_names";

    /// <summary>Writes the names of the classes, a JSON array in the order of their numbers, into the file's metadata.</summary>
    public static void Describe(OnnxGraph graph, IReadOnlyList<string> names)
    {
        if (names.Count > 0)
            graph.Metadata[NamesKey] = JsonSerializer.Serialize(names);
    }

    /// <summary>The input of classes, from 0; <see langword="null"/> for a model without labels.</summary>
    public static OnnxValue? Input(OnnxGraph graph, string? column, int count, IReadOnlyList<string> names)
    {
        if (count == 0)
            return null;
        Describe(graph, names);
        return graph.Input(column!, OnnxType.Int64);
    }
}
