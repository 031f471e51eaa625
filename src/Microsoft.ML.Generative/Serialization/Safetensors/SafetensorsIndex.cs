using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using TorchSharp;

namespace Microsoft.ML.Generative;

/// <summary>
/// A model in several safetensors files with an index, as Hugging Face keeps large ones: <c>model.safetensors.index.json</c> says which
/// file of its folder holds which tensor.
/// </summary>
internal sealed class SafetensorsIndex : ISafetensorsReader, IDisposable
{
    // A name, a file and punctuation for each tensor: room for hundreds of thousands of tensors.
    private const int MaxIndexBytes = 64 << 20;
    private const int MaxDepth = 8;
    private const string Map = "weight_map";

    private readonly Dictionary<string, SafetensorsFile> _shardOf;
    private readonly IReadOnlyCollection<SafetensorsFile> _shards;

    private SafetensorsIndex(string path, IReadOnlyDictionary<string, string> map, IReadOnlyDictionary<string, SafetensorsFile> shards)
    {
        _shards = [.. shards.Values];
        _shardOf = map.ToDictionary(m => m.Key, m => shards[m.Value], StringComparer.Ordinal);

        // One after the other, as if the files were one.
        var all = new List<SafetensorsInfo>();
        long start = 0;
        foreach (SafetensorsFile shard in _shards)
        {
            all.AddRange(shard.Header.Tensors.Select(t => t with { Begin = t.Begin + start, End = t.End + start }));
            start += shard.Header.DataLength;
        }

        Header = new SafetensorsHeader(path, all, _shards.First().Metadata, dataStart: 0);
    }

    public string Source => Header.Source;

    public SafetensorsHeader Header { get; }

    /// <summary>Opens an index and all files that it names.</summary>
    /// <exception cref="FileNotFoundException">The index or a file that it names is missing.</exception>
    /// <exception cref="InvalidDataException">The index or a file is not sound, they contradict each other, or the index names a file outside of its folder.</exception>
    public static SafetensorsIndex Open(string path)
    {
        (Dictionary<string, string> map, long? totalSize) = ReadMap(path);
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var shards = new SortedDictionary<string, SafetensorsFile>(StringComparer.Ordinal);
        try
        {
            foreach (string name in map.Values.Distinct(StringComparer.Ordinal))
                shards.Add(name, SafetensorsFile.Open(Path.Combine(folder, name)));
            Check(path, map, totalSize, shards);
            return new SafetensorsIndex(path, map, shards);
        }
        catch
        {
            foreach (SafetensorsFile shard in shards.Values)
                shard.Dispose();
            throw;
        }
    }

    public void ReadInto(IReadOnlyDictionary<string, torch.Tensor> destinations)
    {
        Header.Match(destinations);
        foreach (var group in destinations.GroupBy(d => _shardOf[d.Key]))
            group.Key.ReadInto(group.ToDictionary(d => d.Key, d => d.Value, StringComparer.Ordinal));
    }

    /// <summary>
    /// Writes tensors in their order into files of at most the size given (a larger tensor has one of its own), and the index last: who finds
    /// it finds all that it names.
    /// </summary>
    /// <param name="folder">An existing folder.</param>
    /// <param name="name">What the files begin with, such as "model".</param>
    /// <param name="tensors">The tensors.</param>
    /// <param name="maxShardBytes">The most bytes of tensors in a file.</param>
    /// <param name="metadata">Metadata of each file.</param>
    /// <returns>The index's path.</returns>
    /// <exception cref="ArgumentException">There is no tensor, two have one name, or one is of a type that the format lacks.</exception>
    public static string Write(
        string folder, string name, IEnumerable<(string Name, torch.Tensor Tensor)> tensors, long maxShardBytes, IReadOnlyDictionary<string, string>? metadata = null)
    {
        TorchRuntime.EnsureLoaded();
        ArgumentOutOfRangeException.ThrowIfLessThan(maxShardBytes, 1);
        List<List<(string Name, torch.Tensor Tensor)>> shards = Divide(tensors, maxShardBytes, out long totalSize);
        var map = new JsonObject();
        for (int i = 0; i < shards.Count; i++)
        {
            string file = string.Create(CultureInfo.InvariantCulture, $"{name}-{i + 1:D5}-of-{shards.Count:D5}.safetensors");
            foreach (var (tensor, _) in shards[i])
            {
                if (!map.TryAdd(tensor, file))
                    throw new ArgumentException($"Two tensors are named '{tensor}'.", nameof(tensors));
            }
        }

        for (int i = 0; i < shards.Count; i++)
            SafetensorsWriter.WriteFile(Path.Combine(folder, map[shards[i][0].Name]!.GetValue<string>()), shards[i], metadata);
        var index = new JsonObject { ["metadata"] = new JsonObject { ["total_size"] = totalSize }, [Map] = map };
        string path = Path.Combine(folder, $"{name}.safetensors.index.json");
        AtomicFile.Write(path, stream => JsonSerializer.Serialize(stream, index, ModelConfigJson.Options));
        return path;
    }

    public void Dispose()
    {
        foreach (SafetensorsFile shard in _shards)
            shard.Dispose();
    }

    private static List<List<(string Name, torch.Tensor Tensor)>> Divide(IEnumerable<(string Name, torch.Tensor Tensor)> tensors, long maxShardBytes, out long totalSize)
    {
        List<List<(string Name, torch.Tensor Tensor)>> shards = [];
        totalSize = 0;
        long room = 0;
        foreach (var tensor in tensors)
        {
            long bytes = tensor.Tensor.NumberOfElements * tensor.Tensor.ElementSize;
            if (shards.Count == 0 || bytes > room)
            {
                shards.Add([]);
                room = maxShardBytes;
            }

            shards[^1].Add(tensor);
            room -= bytes;
            totalSize += bytes;
        }

        return shards.Count > 0 ? shards : throw new ArgumentException("There is no tensor to write.", nameof(tensors));
    }

    private static (Dictionary<string, string> Map, long? TotalSize) ReadMap(string path)
    {
        using FileStream stream = File.OpenRead(path);
        if (stream.Length > MaxIndexBytes)
            throw Bad(path, $"it has {stream.Length} bytes where at most {MaxIndexBytes} are allowed");
        try
        {
            using JsonDocument document = JsonDocument.Parse(stream, new JsonDocumentOptions { MaxDepth = MaxDepth, AllowDuplicateProperties = false });
            JsonElement root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty(Map, out JsonElement map) || map.ValueKind != JsonValueKind.Object)
                throw Bad(path, $"it has no object '{Map}'");

            var files = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (JsonProperty member in map.EnumerateObject())
                files.Add(member.Name, FileName(path, member));
            if (files.Count == 0)
                throw Bad(path, "it names no tensor");

            bool hasSize = root.TryGetProperty("metadata", out JsonElement metadata) && metadata.ValueKind == JsonValueKind.Object
                && metadata.TryGetProperty("total_size", out JsonElement size) && size.ValueKind == JsonValueKind.Number && size.TryGetInt64(out _);
            return (files, hasSize ? metadata.GetProperty("total_size").GetInt64() : null);
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            throw Bad(path, $"it is not well-formed JSON ({e.Message})", e);
        }
    }

    // A plain name of a safetensors file: a file from a stranger must not lead out of its folder.
    private static string FileName(string path, JsonProperty member)
    {
        string? name = member.Value.ValueKind == JsonValueKind.String ? member.Value.GetString() : null;
        bool isPlain = name is not null && name.EndsWith(".safetensors", StringComparison.Ordinal) && name.Length <= 255
            && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') && !name.StartsWith('.');
        return isPlain ? name! : throw Bad(path, $"it names the file {SafetensorsHeader.Quote(name ?? member.Value.ValueKind.ToString())} for tensor " +
            $"{SafetensorsHeader.Quote(member.Name)}; expected the plain name of a safetensors file in its folder");
    }

    private static void Check(string path, Dictionary<string, string> map, long? totalSize, SortedDictionary<string, SafetensorsFile> shards)
    {
        foreach (var (tensor, file) in map)
        {
            if (!shards[file].Header.TryFind(tensor, out _))
                throw Bad(path, $"it says that tensor {SafetensorsHeader.Quote(tensor)} is in '{file}', which does not have it");
        }

        foreach (var (file, shard) in shards)
        {
            if (shard.Names.FirstOrDefault(tensor => !map.TryGetValue(tensor, out string? place) || place != file) is { } stray)
                throw Bad(path, $"'{file}' has the tensor {SafetensorsHeader.Quote(stray)}, which the index does not place there");
        }

        long found = shards.Values.Sum(s => s.Header.DataLength);
        if (totalSize is { } expected && expected != found)
            throw Bad(path, $"it promises {expected} bytes of tensors; its files hold {found}");
    }

    private static InvalidDataException Bad(string path, string problem, Exception? inner = null) =>
        new($"'{path}' is not a usable index of safetensors files: {problem}.", inner);
}
