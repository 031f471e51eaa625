using TorchSharp;

namespace Microsoft.ML.Generative.Serialization.Safetensors;

/// <summary>The tensors of one safetensors file, stream or set of shards, whose headers have been read and are valid.</summary>
internal interface ISafetensorsReader : IDisposable
{
    /// <summary>The file as error messages name it.</summary>
    string Source { get; }

    /// <summary>What is known of each tensor, by name.</summary>
    IReadOnlyDictionary<string, SafetensorsInfo> Tensors { get; }

    IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Copies the tensors named into their destinations and passes over the others.</summary>
    /// <exception cref="InvalidDataException">
    /// A tensor is missing or differs from its destination in type or shape (found before anything is copied), the file ends early, or a
    /// BOOL is neither 0 nor 1.
    /// </exception>
    void ReadInto(IReadOnlyDictionary<string, torch.Tensor> destinations);
}
