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
    private const string ChatTemplateName = "chat_template";

    public static TokenizerConfig Empty { get; } = new();

    public string? BosToken { get; init; }

    public string? EosToken { get; init; }

    public string? UnkToken { get; init; }

    public string? PadToken { get; init; }

    /// <summary>A template in Jinja's language that turns messages into a prompt.</summary>
    public string? ChatTemplate { get; init; }

    /// <summary>Reads these members and leaves the others.</summary>
    /// <exception cref="InvalidDataException">One of them is of another type.</exception>
    public static TokenizerConfig Read(JsonElement root, string source)
    {
        var members = new JsonMembers(root, source);
        return new TokenizerConfig
        {
            BosToken = Token(members, BosName),
            EosToken = Token(members, EosName),
            UnkToken = Token(members, UnkName),
            PadToken = Token(members, PadName),
            ChatTemplate = Template(members),
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
                (BosName, BosToken), (EosName, EosToken), (UnkName, UnkToken), (PadName, PadToken), (ChatTemplateName, ChatTemplate)])
            {
                if (value is not null)
                    writer.WriteString(name, value);
            }

            writer.WriteEndObject();
        }

        return buffer.ToArray();
    }

    // A text, or an object in older files.
    private static string? Token(JsonMembers members, string name) => members.Optional(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Object } token => new JsonMembers(token, $"{members.Path}.{name}").String("content"),
        var token => JsonMembers.TextOf(token.Value, $"{members.Path}.{name}"),
    };

    // A template, or a list of named templates.
    private static string? Template(JsonMembers members)
    {
        if (members.Optional(ChatTemplateName) is not { } value)
            return null;
        string path = $"{members.Path}.{ChatTemplateName}";
        if (value.ValueKind != JsonValueKind.Array)
            return JsonMembers.TextOf(value, path);

        foreach (JsonElement element in value.EnumerateArray())
        {
            var template = new JsonMembers(element, path);
            if (template.String("name") == "default")
                return template.String("template");
        }

        return null;
    }
}
