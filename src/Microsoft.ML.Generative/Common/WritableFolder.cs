namespace Microsoft.ML.Generative.Common;

/// <summary>Folders that options name.</summary>
internal static class WritableFolder
{
    /// <summary>Makes the folder, so that one that cannot be is known before a long training.</summary>
    /// <exception cref="IOException">It cannot be made; the message names the option.</exception>
    public static void Prepare(string folder, string option)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new IOException($"{option} '{folder}' cannot be used: {e.Message}", e);
        }
    }
}
