using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Serialization;

/// <summary>What a network has learned, as named tensors, and the way back.</summary>
internal static class ModuleWeights
{
    private const int NamesShown = 10;

    /// <summary>The parameters and persistent buffers under their dotted names, each once; a tied tensor stands under its first name.</summary>
    public static IReadOnlyList<(string Name, torch.Tensor Tensor)> Of(torch.nn.Module module)
    {
        TorchRuntime.EnsureLoaded();
        var seen = new HashSet<nint>();
        IEnumerable<(string Name, torch.Tensor Tensor)> all =
        [
            .. module.named_parameters().Select(p => (p.name, (torch.Tensor)p.parameter)),
            .. module.named_buffers(include_nonpersistent: false),
        ];
        return [.. all.Where(t => seen.Add(t.Tensor.Handle))];
    }

    /// <summary>
    /// Copies a file's tensors over those of the network, in place, so that views of a flat parameter buffer stay views.
    /// The file has to have exactly the network's tensors; nothing is copied unless it has.
    /// </summary>
    /// <exception cref="InvalidDataException">Tensors are missing, unexpected or of another type or shape; all kinds are listed.</exception>
    public static void Load(torch.nn.Module module, ISafetensorsReader file) => file.ReadInto(Match(module, file));

    /// <summary>Checks that a file has exactly the network's tensors, which need no memory.</summary>
    /// <inheritdoc cref="Load" path="/exception"/>
    public static void CheckFits(torch.nn.Module module, ISafetensorsReader file) => Match(module, file);

    private static Dictionary<string, torch.Tensor> Match(torch.nn.Module module, ISafetensorsReader file)
    {
        Dictionary<string, torch.Tensor> expected = Of(module).ToDictionary(t => t.Name, t => t.Tensor, StringComparer.Ordinal);
        Check(file, expected, (found, tensor) => found.Fits(tensor), _ => false);
        return expected;
    }

    /// <summary>That a file has the tensors expected and no others but those that are ignored.</summary>
    /// <exception cref="InvalidDataException">Tensors are missing, unexpected or do not fit; all kinds are listed.</exception>
    public static void Check(
        ISafetensorsReader file, IReadOnlyDictionary<string, torch.Tensor> expected, Func<SafetensorsInfo, torch.Tensor, bool> fits, Predicate<string> isIgnored)
    {
        string?[] problems =
        [
            List("missing", [.. expected.Keys.Where(name => !file.Tensors.ContainsKey(name))]),
            List("unexpected", [.. file.Tensors.Values.Where(t => !expected.ContainsKey(t.Name) && !isIgnored(t.Name)).Select(t => Quoted.Text(t.Name))]),
            List("of another type or shape", [.. file.Tensors.Values.Select(Difference).OfType<string>()]),
        ];

        if (problems.Any(p => p is not null))
            throw new InvalidDataException($"The tensors in '{file.Source}' are not those of the network, which has {expected.Count}: {string.Join("; ", problems.OfType<string>())}.");

        string? Difference(SafetensorsInfo found) => expected.TryGetValue(found.Name, out torch.Tensor? tensor) && !fits(found, tensor)
            ? $"{Quoted.Text(found.Name)} (found {found.Describe()}, expected {SafetensorsTypes.Describe(tensor.dtype, tensor.shape)})"
            : null;
    }

    private static string? List(string what, List<string> items) => items.Count == 0
        ? null
        : $"{items.Count} {what}: {string.Join(", ", items.Take(NamesShown))}{(items.Count > NamesShown ? ", …" : "")}";
}
