using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Chat;

/// <summary>
/// Writes templates to model files: the library's own by their names, others as <c>{"jinja": source}</c>, those for tools beside them.
/// </summary>
internal sealed class ChatTemplateConverter : JsonConverter<ChatTemplate>
{
    private const string SourceName = "jinja";

    public override ChatTemplate Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.StartObject)
            return ReadSource(ref reader);
        string? name = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
        return name is not null && ChatTemplate.Named(name) is { } template
            ? template
            : throw new JsonException($"{Quoted.Text(name)} is not a chat template.");
    }

    public override void Write(Utf8JsonWriter writer, ChatTemplate value, JsonSerializerOptions options)
    {
        if (!value.IsCustom)
        {
            writer.WriteStringValue(value.Name);
            return;
        }

        writer.WriteStartObject();
        writer.WriteString(SourceName, value.Source);
        if (value.ForTools is { } forTools)
            writer.WriteString(ChatTemplate.ToolUse, forTools.Source);
        writer.WriteEndObject();
    }

    private static ChatTemplate ReadSource(ref Utf8JsonReader reader)
    {
        using JsonDocument document = JsonDocument.ParseValue(ref reader);
        if (!document.RootElement.TryGetProperty(SourceName, out JsonElement source) || source.ValueKind != JsonValueKind.String)
            throw new JsonException($"The chat template has no '{SourceName}'.");
        try
        {
            ChatTemplate template = ChatTemplate.FromJinja(source.GetString()!);
            return document.RootElement.TryGetProperty(ChatTemplate.ToolUse, out JsonElement tools)
                && tools.ValueKind == JsonValueKind.String
                ? template.With(ChatTemplate.FromJinja(tools.GetString()!))
                : template;
        }
        catch (ArgumentException e)
        {
            throw new JsonException(e.Message, e);
        }
    }
}
