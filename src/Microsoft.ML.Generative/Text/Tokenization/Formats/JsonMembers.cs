using System.Text.Json;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Tokenization.Formats;

/// <summary>
/// The members of one JSON object of a tokenizer's file. Every member has to be read before <see cref="Close"/>, which refuses the
/// others by name, because they might change the ids.
/// </summary>
internal sealed class JsonMembers
{
    private readonly Dictionary<string, JsonElement> _unread = new(StringComparer.Ordinal);

    /// <exception cref="InvalidDataException">It is no object.</exception>
    public JsonMembers(JsonElement element, string path)
    {
        Path = path;
        if (element.ValueKind != JsonValueKind.Object)
            throw Bad($"is {element.ValueKind} where an object was expected");
        foreach (JsonProperty member in element.EnumerateObject())
        {
            if (!_unread.TryAdd(NameOf(member), member.Value))
                throw Bad($"has the member {Quoted.Text(member.Name)} twice");
        }
    }

    public string Path { get; }

    public InvalidDataException Bad(string what) => new($"{Path} {what}.");

    /// <summary>A member that has no effect on ids or text.</summary>
    public JsonMembers Ignore(params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
            _unread.Remove(name);
        return this;
    }

    /// <summary>The member, or null where it is missing or null.</summary>
    public JsonElement? Optional(string name) =>
        _unread.Remove(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    public JsonElement Required(string name) => Optional(name) ?? throw Bad($"lacks '{name}'");

    public string? OptionalString(string name) => Optional(name) is { } value ? TextOf(value, $"{Path}.{name}") : null;

    public string String(string name) => OptionalString(name) ?? throw Bad($"lacks '{name}'");

    public bool Bool(string name, bool missing) => OptionalBool(name) ?? missing;

    public bool? OptionalBool(string name) => Optional(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        { ValueKind: var kind } => throw Bad($"has {kind} for '{name}' where true or false was expected"),
    };

    public int Int(string name) => Optional(name) is { } value ? IntOf(value, $"{Path}.{name}") : throw Bad($"lacks '{name}'");

    /// <summary>A single character.</summary>
    public char Char(string name, char? missing = null)
    {
        string? value = OptionalString(name);
        return value switch
        {
            { Length: 1 } => value[0],
            null when missing is { } character => character,
            null => throw Bad($"lacks '{name}'"),
            _ => throw Bad($"has {Quoted.Text(value)} for '{name}' where one character (of the Basic Multilingual Plane) was expected"),
        };
    }

    /// <exception cref="InvalidDataException">A member was not read.</exception>
    public void Close()
    {
        if (_unread.Count > 0)
            throw Bad($"has the member {Quoted.Text(_unread.Keys.Order(StringComparer.Ordinal).First())}, which is not supported");
    }

    public static string TextOf(JsonElement element, string path)
    {
        if (element.ValueKind != JsonValueKind.String)
            throw new InvalidDataException($"{path} is {element.ValueKind} where a text was expected.");
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            // Half of a surrogate pair, which no UTF-8 text can hold.
            throw new InvalidDataException($"{path} is not valid Unicode.", e);
        }
    }

    public static int IntOf(JsonElement element, string path) =>
        element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out int value)
            ? value
            : throw new InvalidDataException($"{path} is {element.ValueKind} where a whole number was expected.");

    public static JsonElement.ArrayEnumerator ArrayOf(JsonElement element, string path) =>
        element.ValueKind == JsonValueKind.Array
            ? element.EnumerateArray()
            : throw new InvalidDataException($"{path} is {element.ValueKind} where an array was expected.");

    public static string NameOf(JsonProperty member)
    {
        try
        {
            return member.Name;
        }
        catch (InvalidOperationException e)
        {
            throw new InvalidDataException("A name in the JSON is not valid Unicode.", e);
        }
    }
}
