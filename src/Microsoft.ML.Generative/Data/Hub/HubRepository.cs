using System.Text.RegularExpressions;

namespace Microsoft.ML.Generative.Data.Hub;

/// <summary>A model on the Hub, at a revision.</summary>
internal sealed partial record HubRepository(string Name, string Revision)
{
    /// <exception cref="ArgumentException">It is no name of a repository.</exception>
    public static void CheckName(string repository)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(repository);
        if (!NamePattern().IsMatch(repository) || repository.Contains("..", StringComparison.Ordinal))
        {
            throw new ArgumentException(
                $"'{repository}' is no name of a model on the Hub; expected organization/name, such as openai-community/gpt2.",
                nameof(repository));
        }
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

    /// <summary>The address of the list of files.</summary>
    public Uri Listing(Uri endpoint) => Below(endpoint, $"api/models/{Name}/revision/{Uri.EscapeDataString(Revision)}?blobs=true");

    /// <summary>The address of a file.</summary>
    /// <param name="endpoint">The Hub.</param>
    /// <param name="commit">The commit.</param>
    /// <param name="file">Its path in the repository. It needs no escapes, as it is safe (<see cref="HubListing.IsSafe"/>).</param>
    public Uri File(Uri endpoint, string commit, string file) => Below(endpoint, $"{Name}/resolve/{commit}/{file}");

    // The Hub may be below a path, behind a proxy.
    private static Uri Below(Uri endpoint, string path) => new($"{endpoint.AbsoluteUri.TrimEnd('/')}/{path}");

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._-]{0,95}(/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?\z", RegexOptions.CultureInvariant)]
    private static partial Regex NamePattern();

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._/-]{0,127}\z", RegexOptions.CultureInvariant)]
    private static partial Regex RevisionPattern();
}
