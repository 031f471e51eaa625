using System.Globalization;
using System.Text.Json;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Decoding.Json;

/// <summary>The keywords of a JSON schema's part, each with the type that it must have.</summary>
/// <param name="Schema">The part, an object.</param>
/// <param name="Path">Where it is.</param>
internal readonly record struct JsonSchemaKeywords(JsonElement Schema, string Path)
{
    public static readonly string[] Kinds = ["object", "array", "string", "number", "integer", "boolean", "null"];

    /// <summary>What limits values.</summary>
    public static readonly string[] Assertions =
    [
        "type", "properties", "required", "additionalProperties", "items", "minItems", "maxItems", "minLength", "maxLength", "pattern",
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    ];

    // Some formats and encodings limit values, too; others are only told.
    private static readonly string[] _annotations =
    [
        "$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default", "examples", "deprecated", "readOnly",
        "writeOnly", "format", "contentEncoding", "contentMediaType",
    ];

    public static bool IsAnnotation(string name) => _annotations.Contains(name);

    public static ArgumentException Bad(string path, string what) => new($"The JSON schema is not usable at {path}: {what}.");

    public ArgumentException Bad(string what) => Bad(Path, what);

    public NotSupportedException Unsupported(string what) => new($"The JSON schema's {what} at {Path}");

    /// <exception cref="NotSupportedException">There is a keyword that is neither one of these nor an annotation.</exception>
    public void Check(params string[] supported)
    {
        foreach (JsonProperty member in Schema.EnumerateObject())
        {
            if (supported.Contains(member.Name) || IsAnnotation(member.Name))
                continue;
            string beside = Assertions.Contains(member.Name) ? $" beside '{supported[^1]}'" : "";
            throw new NotSupportedException($"The JSON schema's keyword {Quoted.Text(member.Name)} at {Path} is not supported{beside}.");
        }
    }

    /// <summary>The kinds of values: all where no type is named.</summary>
    public HashSet<string> KindsOf()
    {
        if (!Schema.TryGetProperty("type", out JsonElement type))
            return [.. Kinds];
        JsonElement[] names = type.ValueKind == JsonValueKind.Array ? [.. type.EnumerateArray()] : [type];
        if (names.Length == 0 || names.Any(n => n.ValueKind != JsonValueKind.String || !Kinds.Contains(n.GetString())))
            throw Bad($"'type' is {Quoted.Text(type.GetRawText())}; supported values: {string.Join(", ", Kinds)}");
        return [.. names.Select(n => n.GetString()!)];
    }

    /// <summary>The first of some keywords that is there.</summary>
    public (string Name, JsonElement Value)? Find(params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            if (Schema.TryGetProperty(name, out JsonElement value))
                return (name, value);
        }

        return null;
    }

    public string? Text(string name)
    {
        if (!Schema.TryGetProperty(name, out JsonElement value))
            return null;
        return value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : throw Bad($"'{name}' is {Quoted.Text(value.GetRawText())}; expected a text");
    }

    public int? Count(string name)
    {
        if (!Schema.TryGetProperty(name, out JsonElement value))
            return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int count) && count >= 0
            ? count
            : throw Bad($"'{name}' is {Quoted.Text(value.GetRawText())}; expected a whole number from 0 on");
    }

    /// <summary>
    /// A number, brought into the range of <see cref="decimal"/>; a text of one counts, too, since AIJsonUtilities writes such.
    /// </summary>
    public decimal? Number(string name)
    {
        if (!Schema.TryGetProperty(name, out JsonElement value))
            return null;
        string text = value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();
        if (value.ValueKind is not (JsonValueKind.Number or JsonValueKind.String)
            || !double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) || double.IsNaN(number))
            throw Bad($"'{name}' is {Quoted.Text(value.GetRawText())}; expected a number");
        return decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out decimal exact) ? exact
            : number < 0 ? decimal.MinValue
            : decimal.MaxValue;
    }
}
