namespace Microsoft.ML.Generative.Serialization.Safetensors;

/// <summary>Opens what holds a network's tensors, whatever form it has.</summary>
internal static class SafetensorsReader
{
    public const string DefaultName = "model";
    public const string Extension = ".safetensors";
    public const string IndexExtension = ".safetensors.index.json";

    /// <summary>
    /// Opens a safetensors file, an index of shards (<c>*.safetensors.index.json</c>), or a folder with <c>model.safetensors</c> or
    /// <c>model.safetensors.index.json</c>.
    /// </summary>
    /// <param name="path">The file or the folder.</param>
    /// <param name="name">The beginning of the file's name in a folder.</param>
    /// <param name="warn">Receives a sentence where an index contradicts its files in what nobody needs. Default: nobody.</param>
    /// <exception cref="FileNotFoundException">There is no such file, or the folder has neither of the two.</exception>
    /// <exception cref="InvalidDataException">A file is not sound.</exception>
    public static ISafetensorsReader Open(string path, string name = DefaultName, Action<string>? warn = null)
    {
        if (Directory.Exists(path))
        {
            string file = Path.Combine(path, name + Extension);
            string index = Path.Combine(path, name + IndexExtension);
            path = File.Exists(file) ? file
                : File.Exists(index) ? index
                : throw new FileNotFoundException(
                    $"The folder '{path}' has neither '{name}{Extension}' nor '{name}{IndexExtension}'.", file);
        }

        return path.EndsWith(IndexExtension, StringComparison.OrdinalIgnoreCase)
            ? SafetensorsIndex.Open(path, warn)
            : SafetensorsFile.Open(path);
    }
}
