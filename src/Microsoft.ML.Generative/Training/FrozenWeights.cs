using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Training;

/// <summary>Identifies the weights that a training leaves as they are, so that checkpoints need not hold them.</summary>
internal static class FrozenWeights
{
    /// <summary>The SHA-256 of names, types, shapes and values, or <see langword="null"/> if there are no weights.</summary>
    public static string? Hash(IReadOnlyCollection<(string Name, torch.Tensor Values)> weights)
    {
        if (weights.Count == 0)
            return null;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach ((string name, torch.Tensor values) in weights.OrderBy(w => w.Name, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{name} {SafetensorsTypes.Describe(values.dtype, values.shape)}\n"));
            TensorPieces.Write(values, hash.AppendData);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
