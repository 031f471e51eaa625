namespace Samples.Shared;

/// <summary>The folder into which a sample writes, and the list of the files in it.</summary>
public sealed class SampleOutput
{
    private readonly List<(string Path, string Description)> _files = [];

    /// <summary>Creates the folder.</summary>
    /// <param name="folder">The folder; <see langword="null"/> for <c>output</c> in the working directory.</param>
    /// <exception cref="IOException">The folder cannot be created.</exception>
    public SampleOutput(string? folder = null)
    {
        Folder = Path.GetFullPath(string.IsNullOrWhiteSpace(folder) ? "output" : folder);
        try
        {
            Directory.CreateDirectory(Folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"The folder '{Folder}' cannot be created; choose another with --output. {e.Message}", e);
        }
    }

    /// <summary>The folder's full path.</summary>
    public string Folder { get; }

    /// <summary>The full path for a file of the folder, which <see cref="PrintFiles"/> will then list.</summary>
    /// <param name="name">The file's name.</param>
    /// <param name="description">What it holds, in a few words.</param>
    public string File(string name, string description)
    {
        var path = Path.Combine(Folder, name);
        _files.Add((path, description));
        return path;
    }

    /// <summary>Prints one line for each file that exists: what it holds, and its full path.</summary>
    /// <param name="writer">Where to print; standard output by default.</param>
    public void PrintFiles(TextWriter? writer = null)
    {
        writer ??= Console.Out;
        var written = _files.Where(f => System.IO.File.Exists(f.Path) || Directory.Exists(f.Path)).ToArray();
        if (written.Length == 0)
            return;
        var widest = written.Max(f => f.Description.Length);
        foreach (var (path, description) in written)
            writer.WriteLine($"{description.PadRight(widest)}  {path}");
    }
}
