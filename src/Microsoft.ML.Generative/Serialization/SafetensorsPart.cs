using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Serialization;

/// <summary>The tensors of a file whose names begin alike, under the rest of their names.</summary>
/// <param name="file">The file, which stays the caller's.</param>
/// <param name="prefix">How the names begin.</param>
internal sealed class SafetensorsPart(ISafetensorsReader file, string prefix) : ISafetensorsReader
{
    public string Source => file.Source;

    public IReadOnlyDictionary<string, SafetensorsInfo> Tensors { get; } = file.Tensors.Values
        .Where(tensor => tensor.Name.StartsWith(prefix, StringComparison.Ordinal))
        .Select(tensor => tensor with { Name = tensor.Name[prefix.Length..] })
        .ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);

    public IReadOnlyDictionary<string, string> Metadata => file.Metadata;

    public void ReadInto(IReadOnlyDictionary<string, torch.Tensor> destinations) =>
        file.ReadInto(destinations.ToDictionary(d => prefix + d.Key, d => d.Value, StringComparer.Ordinal));

    public void Dispose()
    {
    }
}
