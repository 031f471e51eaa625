using System.Text.Json;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Serialization;

/// <summary>Members of a foreign configuration, each with the type that it must have; null as if it were not there.</summary>
internal sealed class ConfigReader(string source, JsonElement json)
{
    public InvalidDataException Bad(string problem) => new($"'{source}' is not usable: {problem}.");

    /// <exception cref="InvalidDataException">
    /// The file is not an object in well-formed JSON, too long, empty, or a pipe or device.
    /// </exception>
    public static T ReadFile<T>(string path, Func<ConfigReader, T> read)
    {
        using FileStream stream = RegularFile.OpenRead(path);
        using JsonDocument document = ModelConfigJson.ParseDocument(PythonJson.QuoteWords(ModelConfigJson.ReadBytes(stream, path)), path);
        if (document.RootElement.ValueKind != JsonValueKind.Object)
            throw new InvalidDataException($"'{path}' holds {document.RootElement.ValueKind} where an object was expected.");
        return read(new ConfigReader(path, document.RootElement));
    }

    /// <summary>Reads the objects of an array.</summary>
    /// <exception cref="InvalidDataException">
    /// The file is not an array of objects in well-formed JSON, too long, empty, or a pipe or device.
    /// </exception>
    public static IReadOnlyList<ConfigReader> ReadArray(string path)
    {
        using FileStream stream = RegularFile.OpenRead(path);
        using JsonDocument document = ModelConfigJson.ParseDocument(PythonJson.QuoteWords(ModelConfigJson.ReadBytes(stream, path)), path);
        if (document.RootElement.ValueKind != JsonValueKind.Array)
            throw new InvalidDataException($"'{path}' holds {document.RootElement.ValueKind} where an array was expected.");
        return [.. document.RootElement.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.Object
            ? new ConfigReader(path, item.Clone())
            : throw new InvalidDataException($"'{path}' has {item.ValueKind} in its array where an object was expected."))];
    }

    /// <summary>The names of all members.</summary>
    public IEnumerable<string> Names => json.EnumerateObject().Select(member => member.Name);

    public bool Has(string name) => json.TryGetProperty(name, out _);

    /// <summary>Whether a member is there and null.</summary>
    public bool IsNull(string name) => json.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Null;

    /// <summary>Whether a member is there and a text.</summary>
    public bool IsText(string name) => json.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String;

    /// <summary>The object's own text.</summary>
    public string Raw => json.GetRawText();

    public string? Text(string name) => Find(name, JsonValueKind.String, "a text") is { } value ? value.GetString() : null;

    /// <summary>A whole number from 0 on.</summary>
    public int? Count(string name)
    {
        if (Find(name, JsonValueKind.Number, "a number") is not { } value)
            return null;
        return value.TryGetInt32(out int count)
            && count >= 0 ? count : throw Bad($"'{name}' is {value.GetRawText()}; expected a whole number from 0 on");
    }

    /// <summary>A whole number from 0 on, or a list of such.</summary>
    public IReadOnlyList<int>? Counts(string name)
    {
        if (!json.TryGetProperty(name, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
            return null;
        JsonElement[] all = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [value];
        return [.. all.Select(one => one.ValueKind == JsonValueKind.Number && one.TryGetInt32(out int count) && count >= 0
            ? count
            : throw Bad($"'{name}' is {Quoted.Text(value.GetRawText())}; expected a whole number from 0 on, or a list of such"))];
    }

    public double? Number(string name)
    {
        if (Find(name, JsonValueKind.Number, "a number") is not { } value)
            return null;
        return value.TryGetDouble(out double number)
            && double.IsFinite(number) ? number : throw Bad($"'{name}' is {value.GetRawText()}; expected a finite number");
    }

    public bool? Truth(string name)
    {
        if (!json.TryGetProperty(name, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
            return null;
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False
            ? value.GetBoolean()
            : throw Bad($"'{name}' is {Quoted.Text(value.GetRawText())}; expected true or false");
    }

    /// <summary>Texts in an array.</summary>
    public string[]? Texts(string name) => Find(name, JsonValueKind.Array, "an array of texts") is { } value
        ? [.. value.EnumerateArray()
            .Select(
                item => item.ValueKind == JsonValueKind.String
                ? item.GetString()!
                : throw Bad($"'{name}' has {Quoted.Text(item.GetRawText())}; expected texts"))]
        : null;

    /// <summary>A text, or texts in an array.</summary>
    public string[]? TextOrTexts(string name) =>
        json.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? [value.GetString()!] : Texts(name);

    public ConfigReader? Object(string name) =>
        Find(name, JsonValueKind.Object, "an object") is { } value ? new ConfigReader(source, value) : null;

    /// <summary>Checks that a member, if it is there, has the only supported value.</summary>
    public void Require(string name, bool supported)
    {
        if ((Truth(name) ?? supported) != supported)
            throw Bad($"'{name}' is {(supported ? "false" : "true")}, which is not supported");
    }

    /// <summary>Runs the checks of what was read; their errors name the file.</summary>
    /// <exception cref="InvalidDataException">One of them failed.</exception>
    public void Check(Action check)
    {
        try
        {
            check();
        }
        catch (Exception e) when (e is ArgumentException or OverflowException or NotSupportedException)
        {
            throw new InvalidDataException($"'{source}' is not usable: {Quoted.Message(e)}", e);
        }
    }

    /// <summary>A member as it is written, without spaces; null where it is not there.</summary>
    public string? RawOf(string name) => json.TryGetProperty(name, out JsonElement value) ? JsonSerializer.Serialize(value) : null;

    public T Choose<T>(string name, string fallback, Dictionary<string, T> known)
    {
        string value = Text(name) ?? fallback;
        return known.TryGetValue(value, out T? chosen)
            ? chosen
            : throw Bad($"'{name}' is {Quoted.Text(value)}; supported values: {string.Join(", ", known.Keys)}");
    }

    private JsonElement? Find(string name, JsonValueKind kind, string what)
    {
        if (!json.TryGetProperty(name, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
            return null;
        return value.ValueKind == kind ? value : throw Bad($"'{name}' is {Quoted.Text(value.GetRawText())}; expected {what}");
    }
}
