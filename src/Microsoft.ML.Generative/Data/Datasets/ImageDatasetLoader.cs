using System.Text;

namespace Microsoft.ML.Generative;

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
    public (StoredImages Train, StoredImages Test) Load(ImageDatasetSource source, IProgress<DownloadProgress>? progress, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var paths = Locate(source, progress, cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        return (Read(source, paths[source.TrainImages], paths[source.TrainLabels], source.TrainCount),
            Read(source, paths[source.TestImages], paths[source.TestLabels], source.TestCount));
    }

    private static StoredImages Read(ImageDatasetSource source, string imagesPath, string labelsPath, int count)
    {
        // The labels first: they are small, and tell as well as the images that a file is in the wrong place.
        var labels = IdxReader.Read(labelsPath, count);
        var outside = labels.AsSpan().IndexOfAnyExceptInRange((byte)0, (byte)(source.ClassNames.Count - 1));
        if (outside >= 0)
            throw new InvalidDataException($"'{labelsPath}' cannot be used: label {outside + 1:N0} is {labels[outside]}, expected 0 to {source.ClassNames.Count - 1}.");
        return new StoredImages(IdxReader.Read(imagesPath, count, source.Shape.Height, source.Shape.Width), labels, source.Shape, source.ClassNames);
    }

    private Dictionary<DatasetFile, string> Locate(ImageDatasetSource source, IProgress<DownloadProgress>? progress, CancellationToken cancellationToken)
    {
        Dictionary<DatasetFile, string> found = [];
        foreach (var file in source.Files)
        {
            if (Find(source, file) is { } path)
                found.Add(file, path);
        }
        foreach (var file in source.Files.Where(file => !found.ContainsKey(file)).ToArray())
        {
            var destination = Destination(source, file);
            try
            {
                // On the pool, so that a caller's synchronization context cannot be waited for by what waits here.
                Task.Run(() => downloader.DownloadAsync(source.AddressOf(file), file, destination, progress, cancellationToken), cancellationToken).GetAwaiter().GetResult();
            }
            catch (DownloadException reason)
            {
                throw Missing(source, file, [.. source.Files.Where(other => !found.ContainsKey(other))], reason);
            }
            found.Add(file, destination);
        }
        return found;
    }

    private string? Find(ImageDatasetSource source, DatasetFile file) =>
        systemFolders.Prepend(dataDirectory)
            .Select(folder => Path.Combine(folder, source.Folder, file.Name))
            .SelectMany(path => new[] { path, Path.ChangeExtension(path, null) })
            .FirstOrDefault(File.Exists);

    private string Destination(ImageDatasetSource source, DatasetFile file) => Path.Combine(dataDirectory, source.Folder, file.Name);

    private FileNotFoundException Missing(ImageDatasetSource source, DatasetFile failed, DatasetFile[] missing, DownloadException reason)
    {
        StringBuilder message = new();
        message.Append($"{source.Title} is not complete on this machine, and {source.AddressOf(failed)} could not be downloaded: {reason.Message.TrimEnd('.')}. ");
        message.Append(missing.Length == 1 ? "Try again, or put this file in its place:" : "Try again, or put these files in their place:");
        foreach (var file in missing)
            message.Append($"{Environment.NewLine}  {Destination(source, file)}  (from {source.AddressOf(file)}, {file.Size:N0} bytes)");
        return new FileNotFoundException(message.ToString(), Destination(source, failed), reason);
    }
}
