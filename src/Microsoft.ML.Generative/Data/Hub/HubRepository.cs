using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.ML.Generative.Data.Datasets;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Data.Hub;

/// <summary>A model on the Hub, at a revision.</summary>
internal sealed partial record HubRepository(string Name, string Revision)
{
    private const int MostFiles = 10_000;

    // Weights of other kinds stand beside the same ones as safetensors; pickles and code are never wanted.
    private static readonly string[] _endings = [".json", ".safetensors", ".model", ".txt", ".jinja", ".tiktoken"];

    /// <exception cref="ArgumentException">It is no name of a repository.</exception>
    public static void CheckName(string repository)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(repository);
        if (!NamePattern().IsMatch(repository) || repository.Contains("..", StringComparison.Ordinal))
            throw new ArgumentException($"'{repository}' is no name of a model on the Hub; expected organisation/name, such as openai-community/gpt2.", nameof(repository));
    }

    /// <exception cref="ArgumentException">It is no revision.</exception>
    public static void CheckRevision(string revision)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(revision);
        if (!RevisionPattern().IsMatch(revision) || revision.Contains("..", StringComparison.Ordinal))
            throw new ArgumentException($"'{revision}' is no revision; expected a branch, a tag or a commit.", nameof(revision));
    }

    /// <summary>The folder's name in the cache.</summary>
    public string FolderName => Name.Replace("/", "--", StringComparison.Ordinal);

    /// <summary>The file that keeps the commit which the revision was, when it was downloaded completely.</summary>
    public string ReferenceName => Uri.EscapeDataString(Revision);

    public Uri Listing(Uri endpoint) => new(endpoint, $"/api/models/{Name}/revision/{Uri.EscapeDataString(Revision)}?blobs=true");

    public Uri File(Uri endpoint, string commit, string file) => new(endpoint, $"/{Name}/resolve/{commit}/{Uri.EscapeDataString(file)}");

    /// <summary>The commit and the files that are wanted, as the Hub lists them.</summary>
    /// <exception cref="InvalidDataException">The listing is not usable, or has no safetensors.</exception>
    public (string Commit, IReadOnlyList<DatasetFile> Files) ReadListing(byte[] json)
    {
        string source = $"the Hub's list of '{Name}'";
        using JsonDocument document = ModelConfigJson.ParseDocument(json, source);
        if (document.RootElement.ValueKind != JsonValueKind.Object)
            throw new InvalidDataException($"{source} is no object.");
        string? commit = Text(document.RootElement, "sha");
        if (commit is null || !CommitPattern().IsMatch(commit))
            throw new InvalidDataException($"{source} names no commit.");
        if (!document.RootElement.TryGetProperty("siblings", out JsonElement siblings) || siblings.ValueKind != JsonValueKind.Array || siblings.GetArrayLength() > MostFiles)
            throw new InvalidDataException($"{source} has no list of files, or one of more than {MostFiles}.");

        DatasetFile[] files = [.. siblings.EnumerateArray().Select(Read).OfType<DatasetFile>()];
        if (!files.Any(f => f.Name.EndsWith(".safetensors", StringComparison.Ordinal)))
            throw new InvalidDataException($"The model '{Name}' has no weights as safetensors on the Hub; other formats can run code that they hold, so this library does not read them.");
        return (commit, files);
    }

    // Null for what is not wanted: other endings, and all in sub-folders.
    private static DatasetFile? Read(JsonElement sibling)
    {
        if (sibling.ValueKind != JsonValueKind.Object || Text(sibling, "rfilename") is not { } name || !IsWanted(name))
            return null;
        long size = sibling.TryGetProperty("size", out JsonElement bytes) && bytes.TryGetInt64(out long count) && count >= 0 ? count : throw Bad("a size");
        if (sibling.TryGetProperty("lfs", out JsonElement lfs) && lfs.ValueKind == JsonValueKind.Object)
            return new DatasetFile(name, size, Text(lfs, "sha256") is { Length: 64 } hash ? hash : throw Bad("a SHA-256"));
        return new GitBlobFile(name, size, Text(sibling, "blobId") is { Length: 40 } blob ? blob : throw Bad("a hash"));

        InvalidDataException Bad(string what) => new($"The Hub does not tell {what} of '{name}'.");
    }

    private static bool IsWanted(string name) =>
        FilePattern().IsMatch(name) && !name.Contains("..", StringComparison.Ordinal) && !name.StartsWith("consolidated", StringComparison.Ordinal)
        && _endings.Any(e => name.EndsWith(e, StringComparison.Ordinal));

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._-]{0,95}(/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?\z", RegexOptions.CultureInvariant)]
    private static partial Regex NamePattern();

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._/-]{0,127}\z", RegexOptions.CultureInvariant)]
    private static partial Regex RevisionPattern();

    [GeneratedRegex(@"\A[0-9a-f]{40,64}\z", RegexOptions.CultureInvariant)]
    private static partial Regex CommitPattern();

    [GeneratedRegex(@"\A[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\z", RegexOptions.CultureInvariant)]
    private static partial Regex FilePattern();
}
