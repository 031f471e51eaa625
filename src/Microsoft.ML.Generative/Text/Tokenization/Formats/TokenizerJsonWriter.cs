using System.Text.Json;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Tokenization.Formats;

/// <summary>The parts of a tokenizer.json. The writers write the members of the part's object.</summary>
internal sealed record TokenizerParts
{
    public IReadOnlyList<AddedToken> AddedTokens { get; init; } = [];

    public Action<Utf8JsonWriter>? Normalizer { get; init; }

    public Action<Utf8JsonWriter>? PreTokenizer { get; init; }

    public required Action<Utf8JsonWriter> Model { get; init; }

    public Action<Utf8JsonWriter>? PostProcessor { get; init; }

    public Action<Utf8JsonWriter>? Decoder { get; init; }
}

/// <summary>Writes a tokenizer.json: the form in which all tokenizers are kept, whatever they were made from.</summary>
internal static class TokenizerJsonWriter
{
    private const string PostProcessorName = "post_processor";

    public static byte[] Write(TokenizerParts parts)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, IndentedJson.Options))
        {
            writer.WriteStartObject();
            writer.WriteString("version", "1.0");
            writer.WriteNull("truncation");
            writer.WriteNull("padding");
            WriteAddedTokens(writer, parts.AddedTokens);
            WritePart(writer, "normalizer", parts.Normalizer);
            WritePart(writer, "pre_tokenizer", parts.PreTokenizer);
            WritePart(writer, PostProcessorName, parts.PostProcessor);
            WritePart(writer, "decoder", parts.Decoder);
            WritePart(writer, "model", parts.Model);
            writer.WriteEndObject();
        }

        return buffer.ToArray();
    }

    /// <summary>A tokenizer.json with other tokens before and after a text.</summary>
    public static byte[] WithFrame(
        ReadOnlyMemory<byte> json, IReadOnlyList<(string Token, int Id)> before, IReadOnlyList<(string Token, int Id)> after)
    {
        using JsonDocument document = TokenizerFiles.Parse(json, TokenizerFiles.TokenizerName, TokenizerFiles.MaxTokenizerBytes);
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, IndentedJson.Options))
        {
            writer.WriteStartObject();
            foreach (JsonProperty member in document.RootElement.EnumerateObject().Where(m => m.Name != PostProcessorName))
                member.WriteTo(writer);
            WritePart(writer, PostProcessorName, before.Count + after.Count == 0
                ? null
                : part => TokenizerJsonParts.WriteFrame(part, before, after));
            writer.WriteEndObject();
        }

        return buffer.ToArray();
    }

    private static void WritePart(Utf8JsonWriter writer, string name, Action<Utf8JsonWriter>? write)
    {
        if (write is null)
        {
            writer.WriteNull(name);
            return;
        }

        writer.WriteStartObject(name);
        write(writer);
        writer.WriteEndObject();
    }

    private static void WriteAddedTokens(Utf8JsonWriter writer, IReadOnlyList<AddedToken> tokens)
    {
        writer.WriteStartArray("added_tokens");
        foreach (AddedToken token in tokens.OrderBy(token => token.Id))
        {
            writer.WriteStartObject();
            writer.WriteNumber("id", token.Id);
            writer.WriteString("content", token.Content);
            writer.WriteBoolean("single_word", token.SingleWord);
            writer.WriteBoolean("lstrip", token.StripLeft);
            writer.WriteBoolean("rstrip", token.StripRight);
            writer.WriteBoolean("normalized", token.IsNormalized);
            writer.WriteBoolean("special", token.IsSpecial);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }
}
