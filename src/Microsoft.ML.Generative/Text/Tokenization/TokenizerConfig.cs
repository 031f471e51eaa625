using System.Collections.Frozen;
using System.Text.Json;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Tokenization.Formats;

namespace Microsoft.ML.Generative.Text.Tokenization;

/// <summary>The special tokens and the chat template of a tokenizer_config.json.</summary>
internal sealed record TokenizerConfig
{
    public const string BosName = "bos_token";
    public const string EosName = "eos_token";
    public const string UnkName = "unk_token";
    public const string PadName = "pad_token";
    public const string MaskName = "mask_token";

    /// <summary>The name of the template that is taken where none is asked for.</summary>
    public const string DefaultTemplate = "default";

    private const string ChatTemplateName = "chat_template";
    private const string AddBosName = "add_bos_token";
    private const string AddEosName = "add_eos_token";
    private const string AdditionalName = "additional_special_tokens";

    public static TokenizerConfig Empty { get; } = new();

    public string? BosToken { get; init; }

    public string? EosToken { get; init; }

    public string? UnkToken { get; init; }

    public string? PadToken { get; init; }

    /// <summary>The token that stands where a masked language model is to predict one.</summary>
    public string? MaskToken { get; init; }

    /// <summary>Other special tokens.</summary>
    public IReadOnlyList<string> AdditionalSpecialTokens { get; init; } = [];

    /// <summary>
    /// Whether a text begins with <see cref="BosToken"/>; <see langword="null"/>: the files do not say. A token that is set to null begins
    /// none.
    /// </summary>
    public bool? AddBosToken { get; init; }

    /// <summary>Whether a text ends with <see cref="EosToken"/>; <see langword="null"/>: the files do not say.</summary>
    public bool? AddEosToken { get; init; }

    /// <summary>Templates in Jinja's language that turn messages into a prompt, by their names.</summary>
    public IReadOnlyDictionary<string, string> ChatTemplates { get; init; } = FrozenDictionary<string, string>.Empty;

    /// <summary>The template that is taken where none is asked for.</summary>
    public string? ChatTemplate => ChatTemplates.GetValueOrDefault(DefaultTemplate);

    /// <summary>The same with another template that is taken where none is asked for.</summary>
    public TokenizerConfig WithTemplate(string template) =>
        this with { ChatTemplates = new Dictionary<string, string>(ChatTemplates) { [DefaultTemplate] = template } };

    /// <summary>Reads these members and leaves the others.</summary>
    /// <exception cref="InvalidDataException">One of them is of another type.</exception>
    public static TokenizerConfig Read(JsonElement root, string source)
    {
        var members = new JsonMembers(root, source);
        bool isNone = root.TryGetProperty(BosName, out JsonElement begin) && begin.ValueKind == JsonValueKind.Null;
        return new TokenizerConfig
        {
            BosToken = Token(members, BosName),
            EosToken = Token(members, EosName),
            UnkToken = Token(members, UnkName),
            PadToken = Token(members, PadName),
            MaskToken = Token(members, MaskName),
            AdditionalSpecialTokens = members.Optional(AdditionalName) is { ValueKind: JsonValueKind.Array } others
                && others.GetArrayLength() > 0
                ? [.. others.EnumerateArray().Select((token, i) => Token(token, $"{members.Path}.{AdditionalName}[{i}]"))]
                : [],
            AddBosToken = members.OptionalBool(AddBosName) ?? (isNone ? false : null),
            AddEosToken = members.OptionalBool(AddEosName),
            ChatTemplates = Templates(members),
        };
    }

    public byte[] Write()
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, IndentedJson.Options))
        {
            writer.WriteStartObject();
            writer.WriteString("tokenizer_class", "PreTrainedTokenizerFast");
            writer.WriteBoolean("clean_up_tokenization_spaces", false);
            foreach (var (name, value) in ((string, string?)[])[
                (BosName, BosToken), (EosName, EosToken), (UnkName, UnkToken), (PadName, PadToken), (MaskName, MaskToken)])
            {
                if (value is not null)
                    writer.WriteString(name, value);
            }

            if (AddBosToken is { } bos)
                writer.WriteBoolean(AddBosName, bos);
            if (AddEosToken is { } eos)
                writer.WriteBoolean(AddEosName, eos);
            if (AdditionalSpecialTokens.Count > 0)
            {
                writer.WriteStartArray(AdditionalName);
                foreach (string token in AdditionalSpecialTokens)
                    writer.WriteStringValue(token);
                writer.WriteEndArray();
            }

            WriteTemplates(writer);
            writer.WriteEndObject();
        }

        return buffer.ToArray();
    }

    private void WriteTemplates(Utf8JsonWriter writer)
    {
        if (ChatTemplates.Count == 0)
            return;
        if (ChatTemplates.Count == 1 && ChatTemplates.TryGetValue(DefaultTemplate, out string? only))
        {
            writer.WriteString(ChatTemplateName, only);
            return;
        }

        writer.WriteStartArray(ChatTemplateName);
        foreach ((string name, string template) in ChatTemplates.OrderBy(t => t.Key, StringComparer.Ordinal))
        {
            writer.WriteStartObject();
            writer.WriteString("name", name);
            writer.WriteString("template", template);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static string? Token(JsonMembers members, string name) =>
        members.Optional(name) is not { } token ? null : Token(token, $"{members.Path}.{name}") is { Length: > 0 } content ? content : null;

    // A text, or an object in older files.
    private static string Token(JsonElement token, string path) => token.ValueKind == JsonValueKind.Object
        ? new JsonMembers(token, path).String("content")
        : JsonMembers.TextOf(token, path);

    // A template, or a list of named templates.
    private static FrozenDictionary<string, string> Templates(JsonMembers members)
    {
        if (members.Optional(ChatTemplateName) is not { } value)
            return FrozenDictionary<string, string>.Empty;
        string path = $"{members.Path}.{ChatTemplateName}";
        var templates = new Dictionary<string, string>(StringComparer.Ordinal);
        if (value.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement element in value.EnumerateArray())
            {
                var template = new JsonMembers(element, path);
                templates[template.String("name")] = template.String("template");
            }
        }
        else if (value.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty template in value.EnumerateObject())
                templates[JsonMembers.NameOf(template)] = JsonMembers.TextOf(template.Value, path);
        }
        else
        {
            templates[DefaultTemplate] = JsonMembers.TextOf(value, path);
        }

        return templates.Count == 0 ? FrozenDictionary<string, string>.Empty : templates.ToFrozenDictionary(StringComparer.Ordinal);
    }
}
