using System.IO.Enumeration;
using Microsoft.ML.Generative.Serialization.Safetensors;

namespace Microsoft.ML.Generative.Data.Hub;

/// <summary>The files that a kind of model is loaded from, as its loader names them, by their paths in the repository.</summary>
/// <param name="Kind">The kind of model, for error messages, such as <c>a language model</c>.</param>
internal sealed record HubFiles(string Kind)
{
    /// <summary>Files that the model cannot do without.</summary>
    public required IReadOnlyList<string> Required { get; init; }

    /// <summary>
    /// Weights, each without its extension: <c>unet/model</c> is <c>unet/model.safetensors</c>, or else
    /// <c>unet/model.safetensors.index.json</c> and the shards that the index names.
    /// </summary>
    public required IReadOnlyList<string> Weights { get; init; }

    /// <summary>Files that are taken if they are there; a * stands for any characters of a file's name.</summary>
    public IReadOnlyList<string> Optional { get; init; } = [];

    /// <summary>The required files and weights that a repository lacks, for error messages.</summary>
    public IReadOnlyList<string> Missing(IReadOnlySet<string> names) =>
    [
        .. Required.Where(name => !names.Contains(name)).Select(name => $"'{name}'"),
        .. Weights.Where(name => WeightsFile(name, names) is null)
            .Select(name => $"'{name}{SafetensorsReader.Extension}' or '{name}{SafetensorsReader.IndexExtension}'"),
    ];

    /// <summary>The files of a repository that the model is loaded from, weights last; shards are not among them.</summary>
    public IEnumerable<string> Select(IReadOnlySet<string> names) =>
    [
        .. Required.Where(names.Contains),
        .. names.Where(name => Optional.Any(pattern => Matches(pattern, name))).Order(StringComparer.Ordinal),
        .. Weights.Select(name => WeightsFile(name, names)).OfType<string>(),
    ];

    /// <summary>Whether a file is an index of shards.</summary>
    public static bool IsIndex(string name) => name.EndsWith(SafetensorsReader.IndexExtension, StringComparison.Ordinal);

    /// <summary>The shards that an index names, as paths in the repository.</summary>
    /// <param name="folder">The folder that the repository is stored in.</param>
    /// <param name="index">The index, as a path in the repository.</param>
    /// <exception cref="InvalidDataException">The file is not a valid index.</exception>
    public static IReadOnlyList<string> Shards(string folder, string index)
    {
        string prefix = index[..(index.LastIndexOf('/') + 1)];
        IEnumerable<string> names = SafetensorsIndexJson.Read(Path.Combine(folder, index)).FileOf.Values.Distinct();
        return [.. names.Order(StringComparer.Ordinal).Select(name => prefix + name)];
    }

    // The single file comes first, as it does for the loader.
    private static string? WeightsFile(string name, IReadOnlySet<string> names) =>
        ((string[])[name + SafetensorsReader.Extension, name + SafetensorsReader.IndexExtension]).FirstOrDefault(names.Contains);

    // A * does not reach into sub-folders.
    private static bool Matches(string pattern, string name) =>
        pattern.Count(c => c == '/') == name.Count(c => c == '/')
        && FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false);
}
