using System.Text.Json;

namespace Microsoft.ML.Generative.AspNetCore.Http;

/// <summary>An object in a request; what is missing or null has no value, and what is of another type is an error that names it.</summary>
internal sealed class JsonBody
{
    private readonly JsonElement _element;
    private readonly string _path;

    /// <exception cref="OpenAIException">It is no object.</exception>
    public JsonBody(JsonElement element, string path)
    {
        if (element.ValueKind != JsonValueKind.Object)
            throw Wrong(path.Length == 0 ? "The body" : path, element, "an object", path);
        (_element, _path) = (element, path);
    }

    public JsonElement Element => _element;

    public JsonElement? Find(string name) =>
        _element.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    public string? Text(string name) => Find(name) is not { } value ? null : Text(value, PathOf(name));

    public string RequiredText(string name) => Text(name) ?? throw Missing(name);

    public bool? Bool(string name) => Find(name) is not { } value ? null
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
        : throw Wrong(PathOf(name), value, "true or false", PathOf(name));

    public double? Number(string name, double least, double most) => Find(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number >= least && number <= most ? number
        : throw Wrong(PathOf(name), value, $"a number from {least} to {most}", PathOf(name));

    public int? Integer(string name, int least, int most = int.MaxValue) => Find(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number >= least && number <= most ? number
        : throw Wrong(PathOf(name), value, $"a whole number from {least} to {most}", PathOf(name));

    public long? Long(string name) => Find(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number) ? number
        : throw Wrong(PathOf(name), value, "a whole number", PathOf(name));

    public JsonBody? Object(string name) => Find(name) is { } value ? new JsonBody(value, PathOf(name)) : null;

    public JsonBody RequiredObject(string name) => Object(name) ?? throw Missing(name);

    public IReadOnlyList<JsonBody>? Objects(string name) =>
        Items(name) is { } items ? [.. items.Select((item, i) => new JsonBody(item, $"{PathOf(name)}[{i}]"))] : null;

    public IReadOnlyList<JsonElement>? Items(string name) => Find(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()]
        : throw Wrong(PathOf(name), value, "a list", PathOf(name));

    /// <summary>A text, or a list of texts.</summary>
    public IReadOnlyList<string> Texts(string name, int most)
    {
        if (Find(name) is not { } value)
            return [];
        if (value.ValueKind == JsonValueKind.String)
            return [Text(value, PathOf(name))];
        IReadOnlyList<JsonElement> items = Items(name)!;
        return items.Count <= most
            ? [.. items.Select((item, i) => Text(item, $"{PathOf(name)}[{i}]"))]
            : throw new OpenAIException(400, $"{PathOf(name)} has {items.Count} items; at most {most} are allowed.", PathOf(name));
    }

    public OpenAIException Missing(string name) => new(400, $"{PathOf(name)} is missing.", PathOf(name));

    public OpenAIException Unsupported(string name, string expected) =>
        new(400, $"{PathOf(name)} is not supported as it is; expected {expected}.", PathOf(name), "unsupported_value");

    public string PathOf(string name) => _path.Length == 0 ? name : $"{_path}.{name}";

    private static string Text(JsonElement value, string path)
    {
        if (value.ValueKind != JsonValueKind.String)
            throw Wrong(path, value, "a text", path);
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair.
            throw new OpenAIException(400, $"{path} is not valid text.", path);
        }
    }

    private static OpenAIException Wrong(string what, JsonElement value, string expected, string path) =>
        new(400, $"{what} is {value.ValueKind switch
        {
            JsonValueKind.Object => "an object",
            JsonValueKind.Array => "a list",
            JsonValueKind.String => "a text",
            JsonValueKind.Number => value.GetRawText() is { Length: <= 30 } number ? number : "a number",
            JsonValueKind.Null => "null",
            _ => value.GetRawText(),
        }}; expected {expected}.", path.Length == 0 ? null : path, "invalid_type");
}
