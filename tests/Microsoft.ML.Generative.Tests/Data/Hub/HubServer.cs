using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Microsoft.ML.Generative.Tests;

/// <summary>A Hub on this machine, below the path /files, with one model, some/model: files by their path in the repository.</summary>
internal sealed class HubServer(IReadOnlyDictionary<string, byte[]> files)
{
    public const string Repository = "some/model";
    public const string Root = "/files";
    public const string Commit = "0123456789abcdef0123456789abcdef01234567";

    /// <summary>Sends a file in place of an honest server.</summary>
    public Func<ScriptedServer.Request, Stream, byte[], Task>? Send { get; init; }

    /// <summary>Names that are listed beside those of the files.</summary>
    public string[] Extra { get; init; } = [];

    public bool NeedsToken { get; init; }

    /// <summary>The files below a folder, by their path in it.</summary>
    public static Dictionary<string, byte[]> FilesOf(string folder) => Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
        .ToDictionary(path => Path.GetRelativePath(folder, path).Replace(Path.DirectorySeparatorChar, '/'), File.ReadAllBytes);

    public ScriptedServer Start() => new(async (request, _, connection) =>
    {
        string prefix = $"{Root}/{Repository}/resolve/{Commit}/";
        if (NeedsToken && request.Authorization != "Bearer secret")
            await ScriptedServer.WriteAsync(connection, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
        else if (request.Path.StartsWith($"{Root}/api/models/{Repository}/revision/", StringComparison.Ordinal))
            await ScriptedServer.SendAsync(connection, request, Listing());
        else if (request.Path.StartsWith(prefix, StringComparison.Ordinal)
            && files.TryGetValue(request.Path[prefix.Length..], out byte[]? bytes))
            await (Send is null ? ScriptedServer.SendAsync(connection, request, bytes) : Send(request, connection, bytes));
        else
            await ScriptedServer.WriteAsync(connection, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    });

    // As the Hub answers: large files by their SHA-256, others by git's name for their content.
    [System.Diagnostics.CodeAnalysis.SuppressMessage("Security", "CA5350", Justification = "Git's format asks for SHA-1.")]
    public byte[] Listing()
    {
        var siblings = new JsonArray();
        foreach ((string name, byte[] bytes) in files)
        {
            byte[] blob = SHA1.HashData([.. Encoding.ASCII.GetBytes($"blob {bytes.Length}\0"), .. bytes]);
            var file = new JsonObject { ["rfilename"] = name, ["size"] = bytes.Length, ["blobId"] = Convert.ToHexStringLower(blob) };
            if (name.EndsWith(".safetensors", StringComparison.Ordinal))
                file["lfs"] = new JsonObject { ["sha256"] = Convert.ToHexStringLower(SHA256.HashData(bytes)), ["size"] = bytes.Length };
            siblings.Add(file);
        }

        foreach (string name in Extra)
            siblings.Add(new JsonObject { ["rfilename"] = name, ["size"] = 3, ["blobId"] = new string('0', 40) });
        return Encoding.UTF8.GetBytes(new JsonObject { ["sha"] = Commit, ["siblings"] = siblings }.ToJsonString());
    }
}
