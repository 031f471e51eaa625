using System.Text.Json;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Serialization.Safetensors;

/// <summary>The text of an index of shards: <c>{"metadata": {"total_size": …}, "weight_map": {"tensor": "file", …}}</c>.</summary>
/// <param name="TotalSize">The bytes of all tensors, if the index says so.</param>
/// <param name="Metadata">What else stands under "metadata".</param>
/// <param name="FileOf">The file of each tensor: a plain name, in the index's own folder.</param>
internal sealed record SafetensorsIndexJson(
    long? TotalSize, IReadOnlyDictionary<string, string> Metadata, IReadOnlyDictionary<string, string> FileOf)
{
    private const string MetadataKey = "metadata";
    private const string MapKey = "weight_map";
    private const string TotalSizeKey = "total_size";
    private const int MaxNameLength = 255;

    // Windows takes these for devices in any folder and with any extension.
    private static readonly HashSet<string> _devices = new(
        [.. (string[])["CON", "PRN", "AUX", "NUL"], .. Enumerable.Range(0, 10).SelectMany(i => (string[])[$"COM{i}", $"LPT{i}"])],
        StringComparer.OrdinalIgnoreCase);

    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is not a valid index.</exception>
    public static SafetensorsIndexJson Read(string path)
    {
        long length = RegularFile.LengthOf(path);
        if (length > SafetensorsHeader.MaxJsonBytes)
            throw SafetensorsHeader.Bad(path, $"it has {length} bytes where an index has at most {SafetensorsHeader.MaxJsonBytes}");

        byte[] json = new byte[length];
        if (length > 0)
        {
            using FileStream stream = File.OpenRead(path);
            json = json[..stream.ReadAtLeast(json, json.Length, throwOnEndOfStream: false)];
        }

        return Parse(json, path);
    }

    /// <exception cref="InvalidDataException">It is not a valid index.</exception>
    public static SafetensorsIndexJson Parse(ReadOnlySpan<byte> json, string source)
    {
        var reader = new StrictJson(json, source, "index");
        reader.CheckStart();
        try
        {
            return Parse(ref reader);
        }
        catch (JsonException e)
        {
            throw reader.NotWellFormed(e);
        }
    }

    public void Write(Stream stream)
    {
        using var json = new Utf8JsonWriter(stream, IndentedJson.Options);
        json.WriteStartObject();
        json.WriteStartObject(MetadataKey);
        foreach (var (key, value) in Metadata.OrderBy(p => p.Key, StringComparer.Ordinal))
            json.WriteString(key, value);
        if (TotalSize is { } bytes)
            json.WriteNumber(TotalSizeKey, bytes);
        json.WriteEndObject();
        json.WriteStartObject(MapKey);
        foreach (var (tensor, file) in FileOf.OrderBy(p => p.Key, StringComparer.Ordinal))
            json.WriteString(tensor, file);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static SafetensorsIndexJson Parse(ref StrictJson json)
    {
        long? totalSize = null;
        Dictionary<string, string>? metadata = null;
        Dictionary<string, string>? fileOf = null;

        json.Expect(JsonTokenType.StartObject, "the index");
        while (json.NextName("the index") is { } name)
        {
            if (name == MetadataKey && metadata is null)
                (metadata, totalSize) = ParseMetadata(ref json);
            else if (name == MapKey && fileOf is null)
                fileOf = ParseMap(ref json);
            else
            {
                throw json.Bad(
                    name is MetadataKey or MapKey
                    ? $"'{name}' stands in the index twice"
                    : $"the index has the unknown member {Quoted.Text(name)}");
            }
        }

        json.ExpectEnd();
        return fileOf is null ? throw json.Bad($"the index lacks '{MapKey}'") : new SafetensorsIndexJson(totalSize, metadata ?? [], fileOf);
    }

    private static (Dictionary<string, string> Metadata, long? TotalSize) ParseMetadata(ref StrictJson json)
    {
        long? totalSize = null;
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        json.Expect(JsonTokenType.StartObject, MetadataKey);
        while (json.NextName(MetadataKey) is { } key)
        {
            string what = $"{Quoted.Text(key)} in '{MetadataKey}'";
            bool isNew = key == TotalSizeKey ? totalSize is null : !metadata.ContainsKey(key);
            if (!isNew)
                throw json.Bad($"{what} stands there twice");
            if (key == TotalSizeKey)
                totalSize = json.NextCount(what);
            else
                metadata.Add(key, json.NextScalar(what));
        }

        return (metadata, totalSize);
    }

    private static Dictionary<string, string> ParseMap(ref StrictJson json)
    {
        // Many tensors share a file: one string for each name.
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        var fileOf = new Dictionary<string, string>(StringComparer.Ordinal);
        json.Expect(JsonTokenType.StartObject, MapKey);
        while (json.NextName(MapKey) is { } tensor)
        {
            string file = json.NextText($"the file of tensor {Quoted.Text(tensor)}");
            if (!names.TryGetValue(file, out string? known))
            {
                if (!IsPlainName(file))
                {
                    throw json.Bad(
                        $"the file of tensor {Quoted.Text(tensor)} is {Quoted.Text(file)}; a plain name that ends in "
                        + $"'{SafetensorsReader.Extension}' was expected");
                }

                names.Add(file, known = file);
            }

            if (!fileOf.TryAdd(tensor, known))
                throw json.Bad($"the tensor {Quoted.Text(tensor)} stands in '{MapKey}' twice");
        }

        return fileOf;
    }

    /// <summary>Whether a name means a file of its own folder, on any system.</summary>
    internal static bool IsPlainName(string name) =>
        name.Length is > 0 and <= MaxNameLength
        && name.EndsWith(SafetensorsReader.Extension, StringComparison.Ordinal)
        && name.IndexOfAny(['/', '\\', ':', '*', '?', '"', '<', '>', '|']) < 0
        && !name.Contains("..", StringComparison.Ordinal)
        && !name.Any(char.IsControl)
        && !IsDevice(name);

    /// <summary>Whether Windows takes a file's or a folder's name for that of a device.</summary>
    internal static bool IsDevice(string name) => _devices.Contains(name.Split('.')[0].TrimEnd());
}
