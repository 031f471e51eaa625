using System.Text;

namespace Microsoft.ML.Generative.Data.Datasets;

/// <summary>
/// Finds the files of an image data set, in the data directory, then in the folders of the system, downloads those that are
/// nowhere, and reads them.
/// </summary>
internal sealed class ImageDatasetLoader(string dataDirectory, IReadOnlyList<string> systemFolders, DatasetDownloader downloader)
{
    /// <summary>Where Debian's packages named dataset-… put their files.</summary>
    public static IReadOnlyList<string> DefaultSystemFolders { get; } = OperatingSystem.IsLinux() ? ["/usr/share/datasets"] : [];

    /// <summary>Reads the data set.</summary>
    /// <exception cref="FileNotFoundException">Files are missing and cannot be downloaded.</exception>
    /// <exception cref="InvalidDataException">A file is not what it should be.</exception>
    public (StoredImages Train, StoredImages Test) Load(
        ImageDatasetSource source, IProgress<DownloadProgress>? progress, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var paths = FindUnpacked(source) ?? Locate(source, progress, cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        return source.Read(paths, cancellationToken);
    }

    private Dictionary<string, string>? FindUnpacked(ImageDatasetSource source)
    {
        Dictionary<string, string> found = [];
        foreach (var name in source.UnpackedFiles)
        {
            if (Find(source, name) is { } path)
                found.Add(name, path);
        }
        return found.Count > 0 && found.Count == source.UnpackedFiles.Count ? found : null;
    }

    private Dictionary<string, string> Locate(
        ImageDatasetSource source, IProgress<DownloadProgress>? progress, CancellationToken cancellationToken)
    {
        Dictionary<string, string> found = [];
        foreach (var file in source.Files)
        {
            if (Find(source, file.Name) is { } path)
                found.Add(file.Name, path);
        }
        foreach (var file in source.Files.Where(file => !found.ContainsKey(file.Name)).ToArray())
        {
            var destination = Destination(source, file);
            try
            {
                // On the pool, so that a caller's synchronization context cannot be waited for by what waits here.
                Task.Run(
                    () => downloader.DownloadAsync(source.AddressOf(file), file, destination, progress, cancellationToken),
                    cancellationToken).GetAwaiter().GetResult();
            }
            catch (DownloadException reason)
            {
                throw Missing(source, file, [.. source.Files.Where(other => !found.ContainsKey(other.Name))], reason);
            }
            found.Add(file.Name, destination);
        }
        return found;
    }

    private string? Find(ImageDatasetSource source, string name) =>
        systemFolders.Prepend(dataDirectory)
            .SelectMany(folder => Spellings(name).Select(spelling => Path.Combine(folder, source.Folder, spelling)))
            .FirstOrDefault(File.Exists);

    // Single files are taken with and without gzip, archives as they are.
    private static string[] Spellings(string name) => name.EndsWith(".tar.gz", StringComparison.Ordinal) ? [name]
        : name.EndsWith(".gz", StringComparison.Ordinal) ? [name, Path.ChangeExtension(name, null)]
        : [name, name + ".gz"];

    private string Destination(ImageDatasetSource source, DatasetFile file) => Path.Combine(dataDirectory, source.Folder, file.Name);

    private FileNotFoundException Missing(ImageDatasetSource source, DatasetFile failed, DatasetFile[] missing, DownloadException reason)
    {
        StringBuilder message = new();
        message.Append($"{source.Title} is not complete on this machine, and {source.AddressOf(failed)} could not be downloaded: ");
        message.Append($"{reason.Message.TrimEnd('.')}. ");
        message.Append(missing.Length == 1 ? "Try again, or put this file in its place:" : "Try again, or put these files in their place:");
        foreach (var file in missing)
            message.Append($"{Environment.NewLine}  {Destination(source, file)}  (from {source.AddressOf(file)}, {file.Size:N0} bytes)");
        if (source.UnpackedFiles.Where(name => Find(source, name) is null).ToArray() is { Length: > 0 } unpacked)
            message.Append($"{Environment.NewLine}or, unpacked, what is in it to the same folder: {string.Join(", ", unpacked)}");
        return new FileNotFoundException(message.ToString(), Destination(source, failed), reason);
    }
}
