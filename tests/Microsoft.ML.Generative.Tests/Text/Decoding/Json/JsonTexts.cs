using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using CsCheck;
using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.Text.Decoding.Json;
using Microsoft.ML.Generative.Text.Tokenization;

namespace Microsoft.ML.Generative.Tests;

/// <summary>JSON for tests; what is right is what System.Text.Json says.</summary>
internal static class JsonTexts
{
    private static readonly Gen<string> _name = Gen.Char.AlphaNumeric.Array[0, 4].Select(c => new string(c));

    /// <summary>Documents as System.Text.Json writes them, indented or not, with escapes or without.</summary>
    public static Gen<byte[]> Documents { get; } = Gen.Select(Value(4), Gen.Bool, Gen.Bool).Select((value, isIndented, isRelaxed) =>
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(
            stream,
            new JsonWriterOptions { Indented = isIndented, Encoder = isRelaxed ? JavaScriptEncoder.UnsafeRelaxedJsonEscaping : null }))
            Write(writer, value);
        return stream.ToArray();
    });

    /// <summary>A schema that anything fits.</summary>
    public static ChatResponseFormatJson Anything => Schema("true");

    public static ChatResponseFormatJson Schema(string json) => new(JsonDocument.Parse(json).RootElement.Clone());

    /// <summary>As strict as a reader can be.</summary>
    public static JsonElement Parse(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
        return document.RootElement.Clone();
    }

    public static bool CanParse(byte[] json)
    {
        try
        {
            Parse(new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(json));
            return true;
        }
        catch (Exception e) when (e is JsonException or DecoderFallbackException)
        {
            return false;
        }
    }

    /// <summary>A format's automaton where each byte is a token.</summary>
    public static JsonAutomaton Automaton(ChatResponseFormat format)
    {
        JsonGrammar grammar = JsonGrammar.Of(format)!;
        return new JsonAutomaton(
            grammar, new JsonCosts(grammar, new TokenTable([.. Enumerable.Range(0, 256).Select(value => new[] { (byte)value })])));
    }

    /// <summary>Whether a format allows a text, whatever the tokenizer.</summary>
    public static bool Allows(ChatResponseFormat format, byte[] text)
    {
        JsonAutomaton automaton = Automaton(format);
        JsonState state = automaton.Start;
        foreach (byte value in text)
        {
            if (!automaton.TryStep(state, value, out state))
                return false;
        }

        return JsonAutomaton.IsComplete(state);
    }

    public static bool Allows(ChatResponseFormat format, string text) => Allows(format, Encoding.UTF8.GetBytes(text));

    private static Gen<object?> Value(int depth)
    {
        Gen<object?> scalar = Gen.OneOf(
            Gen.Const((object?)null), Gen.Bool.Select(b => (object?)b), Gen.Int.Select(i => (object?)i),
            Gen.Int.Select(i => (object?)(i / 1000m)),
            UnicodeText.Any.Select(s => (object?)UnicodeText.WellFormed(s)));
        return depth == 0 ? scalar : Gen.OneOf(
            scalar,
            Value(depth - 1).Array[0, 3].Select(a => (object?)a),
            Gen.Select(_name, Value(depth - 1)).Array[0, 3].Select(p => (object?)p.DistinctBy(m => m.Item1).ToArray()));
    }

    private static void Write(Utf8JsonWriter writer, object? value)
    {
        switch (value)
        {
            case object?[] items:
                writer.WriteStartArray();
                foreach (object? item in items)
                    Write(writer, item);
                writer.WriteEndArray();
                break;
            case (string, object?)[] members:
                writer.WriteStartObject();
                foreach ((string name, object? member) in members)
                {
                    writer.WritePropertyName(name);
                    Write(writer, member);
                }

                writer.WriteEndObject();
                break;
            default:
                JsonSerializer.Serialize(writer, value);
                break;
        }
    }
}
