using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.ML.Generative.Data.Datasets;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Serialization.Safetensors;

namespace Microsoft.ML.Generative.Data.Hub;

/// <summary>The commit and the files of a repository, as the Hub lists them.</summary>
internal sealed partial class HubListing
{
    private const int MaxFiles = 10_000;
    private const int MaxNameLength = 255;

    // Neither pickles nor code are downloaded, whoever asks for them.
    private static readonly string[] _extensions = [".json", ".safetensors", ".model", ".txt", ".md", ".jinja", ".tiktoken", ".bpe"];

    private readonly string _source;
    private readonly Dictionary<string, JsonElement> _files = new(StringComparer.Ordinal);
    private readonly HashSet<string> _names;

    /// <param name="repository">The repository's name, for error messages.</param>
    /// <param name="json">The Hub's answer.</param>
    /// <exception cref="InvalidDataException">The answer is not a listing of a repository.</exception>
    public HubListing(string repository, byte[] json)
    {
        _source = $"the Hub's list of '{repository}'";
        using JsonDocument document = ModelConfigJson.ParseDocument(json, _source);
        JsonElement root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object)
            throw new InvalidDataException($"{_source} is {root.ValueKind}; expected an object.");
        Commit = Text(root, "sha") is { } commit && CommitOf(commit) is { } valid
            ? valid
            : throw new InvalidDataException($"{_source} has no commit in 'sha'; expected 40 to 64 hexadecimal digits.");
        if (!root.TryGetProperty("siblings", out JsonElement files)
            || files.ValueKind != JsonValueKind.Array || files.GetArrayLength() > MaxFiles)
        {
            throw new InvalidDataException($"{_source} has no list of files in 'siblings', or one of more than {MaxFiles}.");
        }

        foreach (JsonElement file in files.EnumerateArray())
        {
            if (file.ValueKind != JsonValueKind.Object || Text(file, "rfilename") is not { } name)
                continue;
            if (HuggingFaceFolder.IsPickle(name))
                Pickle ??= name;
            if (IsSafe(name) && _extensions.Any(e => name.EndsWith(e, StringComparison.Ordinal)) && !_files.TryAdd(name, file.Clone()))
                throw new InvalidDataException($"{_source} has '{name}' twice.");
        }

        _names = [.. _files.Keys];
    }

    public string Commit { get; }

    /// <summary>The files that may be downloaded: paths with / between folders, which stay in the folder that they are put into.</summary>
    public IReadOnlySet<string> Names => _names;

    /// <summary>A Python pickle of the repository, if it has one; these are never downloaded.</summary>
    public string? Pickle { get; }

    /// <summary>What a download of a file must be.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <exception cref="InvalidDataException">The listing lacks its size or its hash.</exception>
    public DatasetFile File(string name)
    {
        JsonElement file = _files[name];
        if (!file.TryGetProperty("lfs", out JsonElement lfs) || lfs.ValueKind != JsonValueKind.Object)
            return new GitBlobFile(name, Size(file) ?? throw Bad("size"), Hash(file, "blobId", 40) ?? throw Bad("git blob hash"));
        return new DatasetFile(name, Size(file) ?? Size(lfs) ?? throw Bad("size"), Hash(lfs, "sha256", 64) ?? throw Bad("SHA-256"));

        InvalidDataException Bad(string what) => new($"{_source} has no valid {what} for '{name}'.");
    }

    /// <summary>A commit as it names a folder; null if the text is none.</summary>
    public static string? CommitOf(string text) => CommitPattern().IsMatch(text) ? text.ToLowerInvariant() : null;

    /// <summary>
    /// Whether a path from the server means a file inside the folder that it is combined with, on any system: relative, not long, and of
    /// plain names that begin with a letter, a digit or an underscore.
    /// </summary>
    public static bool IsSafe(string path) =>
        path.Length is > 0 and <= MaxNameLength && PathPattern().IsMatch(path) && !path.Contains("..", StringComparison.Ordinal)
        && !path.Contains("./", StringComparison.Ordinal) && !path.EndsWith('.')
        && !path.Split('/').Any(SafetensorsIndexJson.IsDevice);

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static long? Size(JsonElement json) =>
        json.TryGetProperty("size", out JsonElement bytes) && bytes.ValueKind == JsonValueKind.Number
        && bytes.TryGetInt64(out long count) && count >= 0
            ? count
            : null;

    private static string? Hash(JsonElement json, string name, int length) =>
        Text(json, name) is { } hash && hash.Length == length && hash.All(char.IsAsciiHexDigit) ? hash.ToLowerInvariant() : null;

    [GeneratedRegex(@"\A[0-9A-Fa-f]{40,64}\z", RegexOptions.CultureInvariant)]
    private static partial Regex CommitPattern();

    [GeneratedRegex(@"\A[A-Za-z0-9_][A-Za-z0-9._-]{0,127}(/[A-Za-z0-9_][A-Za-z0-9._-]{0,127}){0,7}\z", RegexOptions.CultureInvariant)]
    private static partial Regex PathPattern();
}
