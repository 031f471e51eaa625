using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Chat;

/// <summary>Writes templates to model files by their names.</summary>
internal sealed class ChatTemplateConverter : JsonConverter<ChatTemplate>
{
    public override ChatTemplate Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        string? name = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
        return name is not null && ChatTemplate.Named(name) is { } template
            ? template
            : throw new JsonException($"{Quoted.Text(name)} is not a chat template.");
    }

    public override void Write(Utf8JsonWriter writer, ChatTemplate value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.Name);
}
