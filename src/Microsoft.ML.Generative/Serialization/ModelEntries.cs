using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Serialization;

/// <summary>
/// The entries of a saved model, wherever they are kept: <c>config.json</c>, <c>weights.safetensors</c>, further files of the model,
/// and <c>checksums.json</c>, which tells a damaged entry from a sound one (a flipped bit among the weights is otherwise just another number).
/// </summary>
internal static class ModelEntries
{
    public const string Config = "config.json";
    public const string Weights = "weights.safetensors";
    public const string Checksums = "checksums.json";

    private const string FormatMember = "format";
    private const string ModelMember = "model";
    private const string OldConfigMember = "config";

    /// <summary>Makes an entry and lets it be filled.</summary>
    public delegate void Save(string name, Action<Stream> write);

    /// <summary>Opens an entry and lets it be read; false if there is none of the name.</summary>
    public delegate bool TryLoad(string name, Action<Stream> read);

    /// <exception cref="ArgumentException">A further file has one of the reserved names.</exception>
    public static void Write<TDefinition>(
        Save save, ModelFormat format, TDefinition definition, torch.nn.Module network, IReadOnlyDictionary<string, Action<Stream>>? extraFiles = null)
    {
        if (extraFiles?.Keys.FirstOrDefault(name => name is Config or Weights or Checksums) is { } reserved)
            throw new ArgumentException($"The entry name '{reserved}' is reserved.", nameof(extraFiles));

        WriteAll(save,
        [
            (Config, stream => WriteConfig(stream, format, definition)),
            (Weights, stream => SafetensorsWriter.Write(stream, ModuleWeights.Of(network))),
            .. (extraFiles ?? new Dictionary<string, Action<Stream>>()).Select(file => (file.Key, file.Value)),
        ]);
    }

    /// <summary>Writes entries, and their checksums in one more.</summary>
    public static void WriteAll(Save save, IEnumerable<(string Name, Action<Stream> Write)> entries)
    {
        var hashes = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, write) in entries)
        {
            save(name, stream =>
            {
                using var hashing = new HashingStream(stream);
                write(hashing);
                hashes.Add(name, hashing.Hash);
            });
        }

        save(Checksums, stream => JsonSerializer.Serialize(stream, hashes, ModelConfigJson.Options));
    }

    /// <summary>Reads the definition of a model of this kind, in this format or an older one.</summary>
    /// <exception cref="InvalidDataException">The entry is missing, damaged, of another model or newer, or has members that the definition lacks.</exception>
    public static TDefinition ReadDefinition<TDefinition>(TryLoad load, ModelFormat format)
        where TDefinition : IReadsOldFormats<TDefinition>
    {
        byte[] json = ReadJson(load, Config);
        using JsonDocument document = ModelConfigJson.ParseDocument(json, Config);
        JsonElement root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object)
            throw new InvalidDataException($"'{Config}' holds {root.ValueKind} where an object was expected.");

        int found = FormatOf(Member(root, FormatMember));
        if (found > format.Version)
            throw Newer(found, format.Version);

        // Only now: a newer version may keep its checksums elsewhere.
        if (Convert.ToHexStringLower(SHA256.HashData(json)) != ExpectedHash(load, Config))
            throw Damaged(Config);

        JsonElement name = Member(root, ModelMember);
        if (name.ValueKind != JsonValueKind.String || !name.ValueEquals(format.Name))
            throw new InvalidDataException($"'{Config}' is of the model {Quoted.Text(name.GetRawText())} where '{format.Name}' was expected.");

        var definition = JsonObject.Create(root)!;
        definition.Remove(FormatMember);
        definition.Remove(ModelMember);
        return found < format.DefinitionVersion
            ? TDefinition.ReadOldFormat(OldConfigOf(definition))
            : ModelConfigJson.Deserialize<TDefinition>(JsonSerializer.SerializeToElement(definition, ModelConfigJson.Options), Config);
    }

    /// <summary>
    /// Makes the network of the configuration, whose weights take the bytes given, and copies the weights into it. The sizes are
    /// compared first, so that a configuration cannot ask for more memory than the file is large.
    /// </summary>
    /// <exception cref="InvalidDataException">The entry is missing or damaged, or its tensors are not those of the network.</exception>
    public static TNetwork ReadNetwork<TNetwork>(TryLoad load, long weightBytes, Func<TNetwork> create)
        where TNetwork : torch.nn.Module
    {
        TNetwork? network = null;
        try
        {
            ReadEntry(load, Weights, (stream, length) =>
            {
                var file = new SafetensorsStream(stream, Weights, length);
                if (file.Header.DataLength != weightBytes)
                    throw new InvalidDataException($"'{Weights}' holds {file.Header.DataLength} bytes of tensors; the network of '{Config}' has {weightBytes}.");
                // In its own scope: what the layers draw is overwritten, and must not disturb who draws meanwhile.
                network = TorchSeed.Initialize(0, create);
                ModuleWeights.Load(network, file);
            });
            return network!;
        }
        catch
        {
            network?.Dispose();
            throw;
        }
    }

    /// <summary>Reads a further file of the model; the action gets the stream and its length, if that is known.</summary>
    /// <exception cref="InvalidDataException">The entry is missing or damaged.</exception>
    public static void ReadEntry(TryLoad load, string name, Action<Stream, long?> read)
    {
        string expected = ExpectedHash(load, name);
        bool found = load(name, stream =>
        {
            using var hashing = new HashingStream(stream);
            bool Differs()
            {
                hashing.Drain();
                return hashing.Hash != expected;
            }

            try
            {
                read(hashing, stream.CanSeek ? stream.Length - stream.Position : null);
            }
            catch (Exception e) when (Differs())
            {
                throw Damaged(name, e);
            }

            if (Differs())
                throw Damaged(name);
        });
        if (!found)
            throw Missing(name);
    }

    internal static InvalidDataException Newer(long found, long known) =>
        new($"The model was written by a newer version of Microsoft.ML.Generative (format {found}, this version reads up to {known}); update the package.");

    private static void WriteConfig<TDefinition>(Stream stream, ModelFormat format, TDefinition definition)
    {
        var root = new JsonObject { [FormatMember] = format.Version, [ModelMember] = format.Name };
        JsonObject members = JsonSerializer.SerializeToNode(definition, ModelConfigJson.Options)!.AsObject();
        foreach ((string name, JsonNode? value) in members.ToArray())
        {
            members.Remove(name);
            root.Add(name, value);
        }

        byte[] json = JsonSerializer.SerializeToUtf8Bytes(root, ModelConfigJson.Options);
        if (json.Length > ModelConfigJson.MaxBytes)
        {
            throw new ArgumentException(
                $"The definition of {format.Name} takes {json.Length} bytes of JSON; at most {ModelConfigJson.MaxBytes} can be read back.", nameof(definition));
        }

        stream.Write(json);
    }

    // The first formats had one member for all.
    private static JsonObject OldConfigOf(JsonObject members)
    {
        if (members.Select(m => m.Key).FirstOrDefault(name => name != OldConfigMember) is { } unknown)
            throw new InvalidDataException($"'{Config}' has the unknown member {Quoted.Text(unknown)}.");
        if (!members.TryGetPropertyValue(OldConfigMember, out JsonNode? config))
            throw Lacks(OldConfigMember);
        return config as JsonObject
            ?? throw new InvalidDataException($"'{OldConfigMember}' in '{Config}' is {config?.GetValueKind().ToString() ?? "null"} where an object was expected.");
    }

    private static string ExpectedHash(TryLoad load, string name)
    {
        using JsonDocument document = ModelConfigJson.ParseDocument(ReadJson(load, Checksums), Checksums);
        var hashes = ModelConfigJson.Deserialize<Dictionary<string, string>>(document.RootElement, Checksums);
        return hashes.TryGetValue(name, out string? hash) ? hash : throw new InvalidDataException($"'{Checksums}' does not list '{name}'.");
    }

    private static byte[] ReadJson(TryLoad load, string name)
    {
        byte[]? json = null;
        return load(name, stream => json = ModelConfigJson.ReadBytes(stream, name)) ? json! : throw Missing(name);
    }

    private static JsonElement Member(JsonElement root, string name) =>
        root.TryGetProperty(name, out JsonElement member) ? member : throw Lacks(name);

    private static int FormatOf(JsonElement element) =>
        element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out int format) && format > 0
            ? format
            : throw new InvalidDataException($"'format' in '{Config}' is {Quoted.Text(element.GetRawText())} where a positive whole number was expected.");

    private static InvalidDataException Lacks(string member) => new($"'{Config}' lacks the member '{member}'.");

    private static InvalidDataException Damaged(string name, Exception? inner = null) =>
        new($"'{name}' is damaged: its SHA-256 is not the one noted in '{Checksums}'.{(inner is null ? "" : " " + inner.Message)}", inner);

    private static InvalidDataException Missing(string name) => new($"The model file has no entry '{name}'.");
}
