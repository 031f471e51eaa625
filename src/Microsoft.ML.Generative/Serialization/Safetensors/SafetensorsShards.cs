using System.Globalization;
using System.Text.RegularExpressions;
using TorchSharp;

namespace Microsoft.ML.Generative.Serialization.Safetensors;

/// <summary>Writes tensors as the files that models are published in: one, or several with an index.</summary>
internal static partial class SafetensorsShards
{
    /// <summary>Five gigabytes, so that a file fits wherever files are kept.</summary>
    public const long DefaultMaxBytes = 5_000_000_000;

    /// <summary>
    /// Writes <c>model.safetensors</c> if the tensors fit, else <c>model-00001-of-0000N.safetensors</c> and so on with
    /// <c>model.safetensors.index.json</c>, and removes what an earlier model of the name left in the folder.
    /// </summary>
    /// <param name="folder">An existing folder.</param>
    /// <param name="tensors">Tensors of any layout and device; their order does not matter.</param>
    /// <param name="maxShardBytes">The bytes of tensors in one file, unless a single tensor has more.</param>
    /// <param name="metadata">What each file carries as its metadata.</param>
    /// <param name="name">The beginning of the files' names.</param>
    /// <exception cref="ArgumentException">
    /// The tensors cannot be written (see <see cref="SafetensorsWriter.Write"/>); nothing has been written then.
    /// </exception>
    public static void Write(
        string folder,
        IEnumerable<(string Name, torch.Tensor Tensor)> tensors,
        long maxShardBytes = DefaultMaxBytes,
        IReadOnlyDictionary<string, string>? metadata = null,
        string name = SafetensorsReader.DefaultName)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxShardBytes, 1);
        if (!SafetensorsIndexJson.IsPlainName(name + SafetensorsReader.Extension))
            throw new ArgumentException($"'{name}' cannot begin the name of a file; expected a name without a folder.", nameof(name));
        TorchRuntime.EnsureLoaded();

        List<List<(string Name, torch.Tensor Tensor)>> shards = Split(
            [.. SafetensorsWriter.Check(tensors).OrderBy(t => t.Name, StringComparer.Ordinal)], maxShardBytes);
        string[] names = shards.Count == 1
            ? [name + SafetensorsReader.Extension]
            : [.. Enumerable.Range(1, shards.Count)
                .Select(
                    i => string.Create(CultureInfo.InvariantCulture, $"{name}-{i:D5}-of-{shards.Count:D5}{SafetensorsReader.Extension}"))];
        for (int i = 0; i < names.Length; i++)
            SafetensorsWriter.WriteFile(Path.Combine(folder, names[i]), shards[i], metadata);

        string index = name + SafetensorsReader.IndexExtension;
        if (shards.Count > 1)
        {
            var fileOf = shards.Zip(names).SelectMany(s => s.First.Select(t => (t.Name, s.Second)))
                .ToDictionary(p => p.Name, p => p.Second, StringComparer.Ordinal);
            var json = new SafetensorsIndexJson(shards.Sum(s => s.Sum(t => BytesOf(t.Tensor))), new Dictionary<string, string>(), fileOf);
            AtomicFile.Write(Path.Combine(folder, index), json.Write);
            names = [.. names, index];
        }

        RemoveOthers(folder, name, index, names);
    }

    private static List<List<(string Name, torch.Tensor Tensor)>> Split((string Name, torch.Tensor Tensor)[] tensors, long maxShardBytes)
    {
        List<List<(string, torch.Tensor)>> shards = [[]];
        long bytes = 0;
        foreach (var (name, tensor) in tensors)
        {
            long more = BytesOf(tensor);
            if (shards[^1].Count > 0 && bytes > maxShardBytes - more)
            {
                shards.Add([]);
                bytes = 0;
            }

            shards[^1].Add((name, tensor));
            bytes += more;
        }

        return shards;
    }

    // An old file beside a new index would be read in its place.
    private static void RemoveOthers(string folder, string name, string index, string[] written)
    {
        foreach (string path in Directory.EnumerateFiles(folder))
        {
            string file = Path.GetFileName(path);
            bool isOurs = file == name + SafetensorsReader.Extension || file == index
                || (file.StartsWith(name, StringComparison.Ordinal) && ShardSuffix().IsMatch(file.AsSpan(name.Length)));
            if (isOurs && !written.Contains(file))
                File.Delete(path);
        }
    }

    private static long BytesOf(torch.Tensor tensor) => tensor.NumberOfElements * SafetensorsTypes.SizeOf(tensor.dtype);

    [GeneratedRegex(@"\A-\d{5,}-of-\d{5,}\.safetensors\z", RegexOptions.CultureInvariant)]
    private static partial Regex ShardSuffix();
}
