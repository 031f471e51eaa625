namespace Microsoft.ML.Generative.Data.Datasets;

/// <summary>The image files of a folder, and the sub-folder that each is of.</summary>
/// <param name="Paths">Full paths, in ordinal order of the paths below the folder with forward slashes: the same on every system.</param>
/// <param name="Classes">For each file the number of its class in <paramref name="ClassNames"/>; empty where there are none.</param>
/// <param name="ClassNames">
/// Names of the sub-folders, those without images too, in ordinal order; none where all images lie in the folder itself.
/// </param>
internal sealed record ImageFolderFiles(string[] Paths, int[] Classes, string[] ClassNames)
{
    private static readonly string[] _extensions = [".bmp", ".gif", ".ico", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".wbmp", ".webp"];

    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="ArgumentException">
    /// It has no images, both images and sub-folders with images, or a link to a folder in it.
    /// </exception>
    public static ImageFolderFiles Find(string folder)
    {
        DirectoryInfo root = new(folder);
        if (!root.Exists)
            throw new DirectoryNotFoundException($"There is no folder '{root.FullName}'.");

        List<string> found = [], folders = [];
        Add(root, "", found, folders);
        if (found.Count == 0)
        {
            throw new ArgumentException(
                $"The folder '{root.FullName}' has no images, neither in itself nor in folders in it. Images are files that end in "
                + $"{string.Join(", ", _extensions)}.");
        }

        found.Sort(StringComparer.Ordinal);

        var loose = found.FirstOrDefault(path => !path.Contains('/', StringComparison.Ordinal));
        var classNames = loose is not null ? [] : folders.Order(StringComparer.Ordinal).ToArray();
        if (loose is not null && found.FirstOrDefault(path => path.Contains('/', StringComparison.Ordinal)) is { } inner)
        {
            throw new ArgumentException(
                $"The folder '{root.FullName}' has both images of its own ('{loose}') and folders of images ('{inner}'): the former would "
                + "have no label. Put all of them in folders, or none.");
        }

        var numbers = classNames.Select((name, number) => (name, number)).ToDictionary(c => c.name, c => c.number, StringComparer.Ordinal);
        return new ImageFolderFiles(
            [.. found.Select(path => Path.Combine(root.FullName, path))],
            classNames.Length == 0 ? [] : [.. found.Select(path => numbers[ClassOf(path)])], classNames);
    }

    private static string ClassOf(string path) => path[..path.IndexOf('/', StringComparison.Ordinal)];

    // Folders are those of the first level.
    private static void Add(DirectoryInfo folder, string prefix, List<string> found, List<string>? folders = null)
    {
        foreach (var entry in folder.EnumerateFileSystemInfos())
        {
            // Not only what the system calls hidden: the files that macOS leaves beside images are named like them, but for the dot.
            if (entry.Name[0] == '.' || entry.Attributes.HasFlag(FileAttributes.Hidden))
                continue;

            if (entry is FileInfo)
            {
                if (_extensions.Contains(entry.Extension, StringComparer.OrdinalIgnoreCase))
                    found.Add(prefix + entry.Name);
            }
            else if (entry.LinkTarget is { } target)
            {
                throw new ArgumentException(
                    $"'{entry.FullName}' is a link to a folder ('{target}'). Links to folders are not followed, because they may lead "
                    + "round in circles: " +
                    "put the folder itself there, links to the files, or nothing.");
            }
            else
            {
                folders?.Add(entry.Name);
                Add((DirectoryInfo)entry, $"{prefix}{entry.Name}/", found);
            }
        }
    }
}
