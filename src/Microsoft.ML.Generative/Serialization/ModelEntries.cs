using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Serialization;

/// <summary>
/// The entries of a saved model, wherever they are kept: <c>config.json</c>, one <c>.safetensors</c> for each component, further files of
/// the model, and <c>checksums.json</c>, which distinguishes a corrupt entry from a valid one (a flipped bit among the weights is otherwise
/// just another number).
/// </summary>
internal static class ModelEntries
{
    public const string Config = "config.json";
    public const string Checksums = "checksums.json";

    private const string FormatMember = "format";
    private const string ModelMember = "model";
    private const string ComponentsMember = "components";

    // Of the first formats, whose weights were one entry, and whose definition one member.
    private const string OldWeights = "weights.safetensors";
    private const string OldConfigMember = "config";

    /// <summary>Makes an entry and lets it be filled.</summary>
    public delegate void Save(string name, Action<Stream> write);

    /// <summary>Opens an entry and lets it be read; false if there is none of the name.</summary>
    public delegate bool TryLoad(string name, Action<Stream> read);

    /// <param name="save">Makes entries.</param>
    /// <param name="format">The kind of model.</param>
    /// <param name="definition">The model without its weights.</param>
    /// <param name="modules">The modules of the definition's components, in their order.</param>
    /// <param name="extraFiles">Further files, such as a tokenizer's, by their entries' names.</param>
    /// <exception cref="ArgumentException">Two entries have the same name, or the definition is too long to be read back.</exception>
    public static void Write<TDefinition>(
        Save save, ModelFormat format, TDefinition definition, IReadOnlyList<torch.nn.Module> modules,
        IReadOnlyDictionary<string, Action<Stream>>? extraFiles = null)
        where TDefinition : IModelDefinition<TDefinition>
    {
        (Component Component, torch.nn.Module Module)[] components = [.. definition.Components.Zip(modules)];
        if (components.Length != definition.Components.Count || components.Length != modules.Count)
        {
            throw new ArgumentException(
                $"{modules.Count} modules were given for {definition.Components.Count} components.", nameof(modules));
        }

        IReadOnlyDictionary<string, Action<Stream>> further = extraFiles ?? new Dictionary<string, Action<Stream>>();
        string[] names = [Config, Checksums, .. components.Select(c => c.Component.Entry), .. further.Keys];
        if (names.GroupBy(name => name).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new ArgumentException($"Two entries have the name '{twice.Key}'.", nameof(extraFiles));

        var writer = new EntryWriter(save);
        List<ComponentNote> notes = [];
        foreach ((Component component, torch.nn.Module module) in components)
        {
            string hash = writer.Write(component.Entry, stream => SafetensorsWriter.Write(stream, ModuleWeights.Of(module)));
            notes.Add(new ComponentNote(component.Name, component.Kind, component.Kind == ComponentKind.Frozen ? hash : null));
        }

        byte[] config = ConfigOf(format, definition, notes);
        writer.Write(Config, stream => stream.Write(config));
        foreach ((string name, Action<Stream> write) in further)
            writer.Write(name, write);
        writer.Finish();
    }

    /// <summary>Opens a model of this kind, in this format or an older one, and reads its definition.</summary>
    /// <exception cref="InvalidDataException">
    /// The entry is missing, damaged, of another model or newer, has members that the definition lacks, or does not have its components.
    /// </exception>
    public static StoredModel<TDefinition> Open<TDefinition>(TryLoad load, ModelFormat format)
        where TDefinition : IModelDefinition<TDefinition>
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
        {
            throw new InvalidDataException(
                $"'{Config}' is of the model {Quoted.Text(name.GetRawText())} where '{format.Name}' was expected.");
        }

        var members = JsonObject.Create(root)!;
        members.Remove(FormatMember);
        members.Remove(ModelMember);
        if (found < format.DefinitionVersion)
            return new StoredModel<TDefinition>(load, TDefinition.ReadOldFormat(OldConfigOf(members)), notes: null, OldWeights);

        if (!members.Remove(ComponentsMember))
            throw Lacks(ComponentsMember);
        ComponentNote[] notes = ModelConfigJson.Deserialize<ComponentNote[]>(root.GetProperty(ComponentsMember), Config);
        var definition = ModelConfigJson.Deserialize<TDefinition>(
            JsonSerializer.SerializeToElement(members, ModelConfigJson.Options), Config);
        return new StoredModel<TDefinition>(load, definition, notes, oldWeights: null);
    }

    /// <summary>Reads an entry; the action gets the stream and its length, if that is known.</summary>
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
            throw new InvalidDataException($"The model file has no entry '{name}'.");
    }

    /// <summary>The hash that an entry has to have, or <see langword="null"/> if the checksums do not list it.</summary>
    /// <exception cref="InvalidDataException">The checksums are missing or damaged.</exception>
    public static string? FindHash(TryLoad load, string name)
    {
        using JsonDocument document = ModelConfigJson.ParseDocument(ReadJson(load, Checksums), Checksums);
        return ModelConfigJson.Deserialize<Dictionary<string, string>>(document.RootElement, Checksums).GetValueOrDefault(name);
    }

    internal static InvalidDataException Newer(long found, long known) =>
        new(
            $"The model was written by a newer version of Microsoft.ML.Generative (format {found}, this version reads up to {known}); "
            + "update the package.");

    private static byte[] ConfigOf<TDefinition>(ModelFormat format, TDefinition definition, IReadOnlyList<ComponentNote> notes)
    {
        var root = new JsonObject
        {
            [FormatMember] = format.Version,
            [ModelMember] = format.Name,
            [ComponentsMember] = JsonSerializer.SerializeToNode(notes, ModelConfigJson.Options),
        };
        JsonObject members = JsonSerializer.SerializeToNode(definition, ModelConfigJson.Options)!.AsObject();
        foreach ((string name, JsonNode? value) in members.ToArray())
        {
            members.Remove(name);
            root.Add(name, value);
        }

        byte[] json = JsonSerializer.SerializeToUtf8Bytes(root, ModelConfigJson.Options);
        return json.Length <= ModelConfigJson.MaxBytes ? json : throw new ArgumentException(
            $"The definition of {format.Name} takes {json.Length} bytes of JSON; at most {ModelConfigJson.MaxBytes} can be read back.",
            nameof(definition));
    }

    private static JsonObject OldConfigOf(JsonObject members)
    {
        if (members.Select(m => m.Key).FirstOrDefault(name => name != OldConfigMember) is { } unknown)
            throw new InvalidDataException($"'{Config}' has the unknown member {Quoted.Text(unknown)}.");
        if (!members.TryGetPropertyValue(OldConfigMember, out JsonNode? config))
            throw Lacks(OldConfigMember);
        return config as JsonObject
            ?? throw new InvalidDataException(
                $"'{OldConfigMember}' in '{Config}' is {config?.GetValueKind().ToString() ?? "null"} where an object was expected.");
    }

    private static string ExpectedHash(TryLoad load, string name) =>
        FindHash(load, name) ?? throw new InvalidDataException($"'{Checksums}' does not list '{name}'.");

    private static byte[] ReadJson(TryLoad load, string name)
    {
        byte[]? json = null;
        return load(name, stream => json = ModelConfigJson.ReadBytes(stream, name)) ? json!
            : throw new InvalidDataException($"The model file has no entry '{name}'.");
    }

    private static JsonElement Member(JsonElement root, string name) =>
        root.TryGetProperty(name, out JsonElement member) ? member : throw Lacks(name);

    private static int FormatOf(JsonElement element) =>
        element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out int format) && format > 0
            ? format
            : throw new InvalidDataException(
                $"'format' in '{Config}' is {Quoted.Text(element.GetRawText())} where a positive whole number was expected.");

    private static InvalidDataException Lacks(string member) => new($"'{Config}' lacks the member '{member}'.");

    private static InvalidDataException Damaged(string name, Exception? inner = null) =>
        new($"'{name}' is damaged: its SHA-256 is not the one noted in '{Checksums}'.{(inner is null ? "" : " " + inner.Message)}", inner);
}
