using System.Text.Json;
using System.Text.Unicode;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Serialization.Safetensors;

/// <summary>Walks one JSON object of a safetensors file token by token; whatever is not expected next is refused by name.</summary>
/// <param name="json">The bytes, UTF-8.</param>
/// <param name="source">The file as error messages name it.</param>
/// <param name="subject">What the JSON is in it, such as "header".</param>
internal ref struct StrictJson(ReadOnlySpan<byte> json, string source, string subject)
{
    private const int MaxDepth = 8;

    private readonly ReadOnlySpan<byte> _json = json;
    private Utf8JsonReader _reader = new(json, new JsonReaderOptions { MaxDepth = MaxDepth });

    public readonly JsonTokenType Type => _reader.TokenType;

    /// <summary>Throws unless the bytes are UTF-8 and begin with a brace.</summary>
    public readonly void CheckStart()
    {
        if (!Utf8.IsValid(_json))
            throw Bad($"its {subject} is not UTF-8");
        if (_json.IsEmpty || _json[0] != '{')
            throw Bad($"its {subject} {(_json.IsEmpty ? "is empty" : $"begins with byte 0x{_json[0]:X2}")} where '{{' was expected");
    }

    public readonly InvalidDataException NotWellFormed(JsonException e) =>
        Bad($"its {subject} is not well-formed JSON (line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1})", e);

    public void ExpectEnd()
    {
        if (_reader.Read())
            throw Bad($"its {subject} continues after the closing brace");
    }

    public void Expect(JsonTokenType type, string what)
    {
        if (!_reader.Read() || _reader.TokenType != type)
            throw Bad($"{what}: {Expected(type)} was expected, found {Found()}");
    }

    /// <summary>The next member's name, or null at the end of the object.</summary>
    public string? NextName(string where)
    {
        if (!_reader.Read())
            throw Bad($"{where} is cut off");
        return _reader.TokenType == JsonTokenType.EndObject ? null : Text();
    }

    public string NextText(string what)
    {
        Expect(JsonTokenType.String, what);
        return Text();
    }

    /// <summary>The next value if it is a text, a number or a truth value, as it is written.</summary>
    public string NextScalar(string what)
    {
        if (!_reader.Read()
            || _reader.TokenType is not (JsonTokenType.String or JsonTokenType.Number or JsonTokenType.True or JsonTokenType.False))
            throw Bad($"{what}: a string, number or truth value was expected, found {Found()}");
        return _reader.TokenType == JsonTokenType.String ? Text() : System.Text.Encoding.UTF8.GetString(_reader.ValueSpan);
    }

    /// <summary>The next value if it is a whole number from 0 on; 1e3 is one too.</summary>
    public long NextCount(string what)
    {
        if (_reader.Read() && _reader.TokenType == JsonTokenType.Number)
        {
            if (_reader.TryGetInt64(out long count) && count >= 0)
                return count;
            if (_reader.TryGetDecimal(out decimal number) && number is >= 0 and <= long.MaxValue && decimal.Truncate(number) == number)
                return (long)number;
        }

        throw Bad($"{what}: a whole number from 0 on was expected, found {Found()}");
    }

    public List<long> NextNumbers(string what, int most)
    {
        var numbers = new List<long>();
        Expect(JsonTokenType.StartArray, what);
        while (_reader.Read() && _reader.TokenType != JsonTokenType.EndArray)
        {
            if (_reader.TokenType != JsonTokenType.Number || !_reader.TryGetInt64(out long number) || number < 0)
                throw Bad($"{what}: whole numbers from 0 on were expected, found {Found()}");
            if (numbers.Count == most)
                throw Bad($"{what} has more than {most} numbers");
            numbers.Add(number);
        }

        return numbers;
    }

    public readonly InvalidDataException Bad(string problem, Exception? inner = null) => SafetensorsHeader.Bad(source, problem, inner);

    private readonly string Text()
    {
        try
        {
            return _reader.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            // An escape such as \ud800 alone is JSON, but no text.
            throw Bad($"its {subject} holds a string that is not valid Unicode: {Found()}", e);
        }
    }

    private static string Expected(JsonTokenType type) => type switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        _ => "a string",
    };

    private readonly string Found() => _reader.TokenType switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        _ => Quoted.Text(System.Text.Encoding.UTF8.GetString(_reader.ValueSpan)),
    };
}
