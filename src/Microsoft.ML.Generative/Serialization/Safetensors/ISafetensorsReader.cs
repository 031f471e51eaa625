using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>A safetensors file whose header has been read and found sound.</summary>
internal interface ISafetensorsReader
{
    /// <summary>The file as error messages name it.</summary>
    string Source { get; }

    SafetensorsHeader Header { get; }

    /// <summary>Copies the tensors named into their destinations, in the order of the file, and passes over the others.</summary>
    /// <exception cref="InvalidDataException">
    /// A tensor is missing or differs from its destination in type or shape (found before anything is copied), or the file ends early.
    /// </exception>
    void ReadInto(IReadOnlyDictionary<string, torch.Tensor> destinations);
}
