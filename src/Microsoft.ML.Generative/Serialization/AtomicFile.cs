namespace Microsoft.ML.Generative.Serialization;

/// <summary>Writes files that are either complete or not there: a reader never meets half of one.</summary>
internal static class AtomicFile
{
    /// <summary>
    /// Writes a file under a temporary name in its own folder, flushes it to the disk and moves it over <paramref name="path"/>.
    /// </summary>
    /// <exception cref="IOException">The folder is missing or cannot be written to, or the path names a folder.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        string target = Path.GetFullPath(path);
        if (Directory.Exists(target))
            throw new IOException($"'{path}' is a folder; a file name was expected.");

        string folder = Path.GetDirectoryName(target) ?? throw new IOException($"'{path}' is a root folder; a file name was expected.");
        string temporary = Path.Combine(folder, $".{Path.GetFileName(target)}.{Path.GetRandomFileName()}.tmp");
        bool moved = false;
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, target, overwrite: true);
            moved = true;
        }
        finally
        {
            if (!moved)
                DeleteQuietly(temporary);
        }
    }

    // The failure that brought us here is the one to report.
    private static void DeleteQuietly(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }
}
