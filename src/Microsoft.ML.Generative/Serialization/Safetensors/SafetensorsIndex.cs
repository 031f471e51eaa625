using Microsoft.ML.Generative.Common;
using TorchSharp;

namespace Microsoft.ML.Generative.Serialization.Safetensors;

/// <summary>
/// Safetensors files that an index binds together, as large models are published: <c>model.safetensors.index.json</c> names the file of
/// each tensor. All files are opened and compared with the index at once.
/// </summary>
/// <remarks>
/// The files have to lie in the index's own folder. They may be links, as in a download cache, if they lead to that folder or to the one
/// that the index itself is a link to.
/// </remarks>
internal sealed class SafetensorsIndex : ISafetensorsReader
{
    private readonly Dictionary<string, SafetensorsFile> _fileOf = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SafetensorsInfo> _tensors = new(StringComparer.Ordinal);
    private readonly List<SafetensorsFile> _files = [];

    private SafetensorsIndex(string source, SafetensorsIndexJson json)
    {
        Source = source;
        Metadata = json.Metadata;
    }

    public string Source { get; }

    public IReadOnlyDictionary<string, SafetensorsInfo> Tensors => _tensors;

    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <exception cref="FileNotFoundException">There is no such index.</exception>
    /// <exception cref="InvalidDataException">
    /// The index is not valid, one of its files is missing or not valid, or they have other tensors than it says.
    /// </exception>
    public static SafetensorsIndex Open(string path, Action<string>? warn = null)
    {
        SafetensorsIndexJson json = SafetensorsIndexJson.Read(path);
        var index = new SafetensorsIndex(path, json);
        try
        {
            index.OpenFiles(json, warn);
            return index;
        }
        catch
        {
            index.Dispose();
            throw;
        }
    }

    public void ReadInto(IReadOnlyDictionary<string, torch.Tensor> destinations)
    {
        foreach (var (name, tensor) in destinations)
        {
            if (!_fileOf.TryGetValue(name, out SafetensorsFile? file))
                throw SafetensorsHeader.Bad(Source, $"it has no tensor {Quoted.Text(name)} among its {_tensors.Count}");
            file.Header.FindFor(name, tensor);
        }

        foreach (var group in destinations.GroupBy(d => _fileOf[d.Key]))
            group.Key.ReadInto(group.ToDictionary(d => d.Key, d => d.Value, StringComparer.Ordinal));
    }

    public void Dispose()
    {
        foreach (SafetensorsFile file in _files)
            file.Dispose();
    }

    private void OpenFiles(SafetensorsIndexJson json, Action<string>? warn)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(Source))!;
        string[] allowed = [folder, .. TargetFolder(Source) is { } target ? [target] : Array.Empty<string>()];
        foreach (var group in json.FileOf.GroupBy(p => p.Value, p => p.Key, StringComparer.Ordinal))
        {
            SafetensorsFile file = OpenShard(Path.Combine(folder, group.Key), group.Key, allowed);
            _files.Add(file);
            Add(file, group.Key, [.. group]);
        }

        long bytes = _tensors.Values.Sum(t => t.Bytes);
        if (json.TotalSize is { } expected && expected != bytes)
            warn?.Invoke($"The 'total_size' of '{Source}' is {expected:N0}; its tensors take {bytes:N0} bytes. It is ignored.");
    }

    private SafetensorsFile OpenShard(string path, string name, string[] allowed)
    {
        string quoted = Quoted.Text(name);
        if (!File.Exists(path))
            throw SafetensorsHeader.Bad(Source, $"the file {quoted} that it names is not in its folder");
        if (TargetFolder(path) is { } target && !allowed.Contains(target, PathComparer))
            throw SafetensorsHeader.Bad(Source, $"the file {quoted} that it names is a link to another folder");
        return SafetensorsFile.Open(path);
    }

    private void Add(SafetensorsFile file, string fileName, HashSet<string> listed)
    {
        foreach (SafetensorsInfo tensor in file.Header.Tensors)
        {
            if (!listed.Remove(tensor.Name))
            {
                throw SafetensorsHeader.Bad(
                    Source,
                    $"the file {Quoted.Text(fileName)} has the tensor {Quoted.Text(tensor.Name)}, which the index does not place there");
            }

            _tensors.Add(tensor.Name, tensor);
            _fileOf.Add(tensor.Name, file);
        }

        if (listed.Count > 0)
        {
            throw SafetensorsHeader.Bad(
                Source, $"the file {Quoted.Text(fileName)} lacks the tensor {Quoted.Text(listed.Order(StringComparer.Ordinal).First())}");
        }
    }

    private static StringComparer PathComparer => OperatingSystem.IsWindows() ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal;

    /// <summary>The folder of the file that a link leads to in the end, or null for what is no link.</summary>
    private static string? TargetFolder(string path) =>
        File.ResolveLinkTarget(path, returnFinalTarget: true) is { } target
        ? Path.GetDirectoryName(Path.GetFullPath(target.FullName))
        : null;
}
