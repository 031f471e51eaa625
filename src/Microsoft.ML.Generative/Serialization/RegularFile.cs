namespace Microsoft.ML.Generative.Serialization;

/// <summary>
/// Opens files that a folder may hold in place of what is expected there: opening a named pipe never ends, nor does reading some devices.
/// </summary>
internal static class RegularFile
{
    /// <summary>Opens a file to read it.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is empty, or is a pipe or a device.</exception>
    public static FileStream OpenRead(string path)
    {
        // Neither pipes nor devices have a length.
        if (LengthOf(path) == 0)
            throw new InvalidDataException($"'{path}' is empty, or is not a regular file but a pipe or a device.");
        return File.OpenRead(path);
    }

    /// <summary>The bytes of a file, or of the one that a link leads to; 0 for pipes and devices.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    public static long LengthOf(string path)
    {
        var file = new FileInfo(path);
        // Of a link that leads nowhere, the system would name where it leads to.
        return ((FileInfo?)file.ResolveLinkTarget(returnFinalTarget: true) ?? file) is { Exists: true } found
            ? found.Length
            : throw new FileNotFoundException($"There is no file '{path}'.", path);
    }
}
