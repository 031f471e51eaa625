using System.IO.Enumeration;
using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;
using TorchSharp.Modules;

namespace Microsoft.ML.Generative.Training;

/// <summary>The parameters that a training leaves as they are: <see cref="TrainingOptions.FrozenParameters"/>.</summary>
internal static class FrozenParameters
{
    private const int NamesShown = 10;

    /// <summary>Takes the parameters that match a pattern out of the training.</summary>
    /// <exception cref="ArgumentException">
    /// A pattern matches no parameter, or no parameter is left; the message names some parameters.
    /// </exception>
    public static void Apply(torch.nn.Module network, IReadOnlyList<string> patterns)
    {
        if (patterns.Count == 0)
            return;
        (string name, Parameter parameter)[] parameters = [.. network.named_parameters()];
        foreach (string pattern in patterns)
        {
            bool isMatched = false;
            foreach ((string name, Parameter parameter) in parameters)
            {
                if (!FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false))
                    continue;
                isMatched = true;
                parameter.requires_grad = false;
            }

            if (!isMatched)
                throw Wrong($"has '{pattern}', which matches no parameter of the model");
        }

        if (parameters.All(p => !p.parameter.requires_grad))
            throw Wrong("freezes all parameters of the model: nothing is left to train");

        ArgumentException Wrong(string problem)
        {
            string names = string.Join(", ", parameters.Take(NamesShown).Select(p => $"'{p.name}'"));
            return new(
                $"{nameof(TrainingOptions.FrozenParameters)} {problem}. It has {parameters.Length}: "
                + $"{names}{(parameters.Length > NamesShown ? ", …" : "")}.");
        }
    }

    /// <summary>Whether any parameter of a network is trained.</summary>
    public static bool AnyTrained(torch.nn.Module network) => network.parameters().Any(p => p.requires_grad);

    /// <summary>The frozen parameters of a network.</summary>
    public static (string Name, torch.Tensor Values)[] Of(torch.nn.Module network) =>
        [.. network.named_parameters().Where(p => !p.parameter.requires_grad).Select(p => (p.name, (torch.Tensor)p.parameter))];

    /// <summary>
    /// The SHA-256 of names, types, shapes and values, which identifies parameters so that checkpoints need not hold them;
    /// <see langword="null"/> if there are none.
    /// </summary>
    public static string? Hash(IReadOnlyCollection<(string Name, torch.Tensor Values)> frozen)
    {
        if (frozen.Count == 0)
            return null;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach ((string name, torch.Tensor values) in frozen.OrderBy(w => w.Name, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{name} {SafetensorsTypes.Describe(values.dtype, values.shape)}\n"));
            TensorPieces.Write(values, hash.AppendData);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
