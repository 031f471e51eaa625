namespace Microsoft.ML.Generative.Common;

/// <summary>Prepares folders that options name.</summary>
internal static class WritableFolder
{
    /// <summary>Creates the folder and a file in it, which is deleted, so that a failure comes before a long training.</summary>
    /// <exception cref="IOException">It cannot be created or written to; the message names the option.</exception>
    public static void Prepare(string folder, string option)
    {
        try
        {
            Directory.CreateDirectory(folder);
            string file = Path.Combine(folder, $".{Path.GetRandomFileName()}.tmp");
            File.Create(file).Dispose();
            File.Delete(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new IOException($"{option} '{folder}' cannot be used: {e.Message}", e);
        }
    }
}
