using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Decoding.Json;

/// <summary>
/// Rules out of a JSON schema (draft 2020-12, and what earlier drafts have in common with it). What it does not know it refuses by name: a text would not be
/// what the schema says. Annotations, <c>format</c> among them, say nothing about what is valid.
/// </summary>
internal sealed class JsonSchemaReader(JsonGrammar grammar, JsonElement root)
{
    private const int MostRules = 4096;

    private static readonly string[] _kinds = ["object", "array", "string", "number", "integer", "boolean", "null"];

    private static readonly string[] _annotations =
    [
        "$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "format",
    ];

    private static readonly string[] _assertions =
    [
        "type", "properties", "required", "additionalProperties", "items", "minItems", "maxItems", "minLength", "maxLength",
    ];

    private readonly Dictionary<string, JsonRule> _rules = [];
    private readonly HashSet<JsonRule> _unions = [];

    /// <inheritdoc cref="JsonGrammar.Of" path="/exception"/>
    public JsonRule Read()
    {
        try
        {
            return Read(root, "#");
        }
        catch (InvalidOperationException e)
        {
            // Half of a surrogate pair in a text, or a document that was disposed of.
            throw Bad("#", e.Message);
        }
    }

    private JsonRule Read(JsonElement schema, string path)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        HashSet<string> followed = [];
        while (schema.ValueKind == JsonValueKind.Object && schema.TryGetProperty("$ref", out JsonElement reference))
        {
            // Items that may be anything stand there by habit of AIJsonUtilities.
            CheckKeywords(schema, path, schema.TryGetProperty("items", out JsonElement items) && IsAnything(items) ? ["items", "$ref"] : ["$ref"]);
            if (reference.ValueKind != JsonValueKind.String || !followed.Add(path))
                throw Bad(path, "'$ref' is no reference, or refers to itself");
            path = reference.GetString()!;
            schema = Resolve(path);
        }

        if (schema.ValueKind == JsonValueKind.True)
            return grammar.Any;
        if (schema.ValueKind != JsonValueKind.Object)
            throw Bad(path, $"{schema.ValueKind} where an object was expected");
        if (_rules.TryGetValue(path, out JsonRule? known))
            return known;
        if (_rules.Count == MostRules)
            throw new NotSupportedException($"The JSON schema has more than {MostRules} parts.");

        JsonRule rule = _rules[path] = grammar.Add();
        if (Find(schema, "anyOf", "oneOf") is { } union)
            Unite(rule, schema, union, path);
        else if (Find(schema, "const", "enum") is { } literals)
            Spell(rule, schema, literals, path);
        else
            Fill(rule, schema, path);
        return rule;
    }

    // The kinds come first: a part may refer to the whole.
    private void Fill(JsonRule rule, JsonElement schema, string path)
    {
        CheckKeywords(schema, path, _assertions);
        HashSet<string> kinds = Kinds(schema, path);
        if (kinds.Contains("string"))
            rule.String = new JsonStringRule(Count(schema, "minLength", path) ?? 0, Count(schema, "maxLength", path));
        if (kinds.Contains("number") || kinds.Contains("integer"))
            rule.Number = kinds.Contains("number") ? JsonNumberKind.Any : JsonNumberKind.Integer;
        string[] words = [.. kinds.Contains("null") ? ["null"] : Array.Empty<string>(), .. kinds.Contains("boolean") ? ["true", "false"] : Array.Empty<string>()];
        if (words.Length > 0)
            rule.Literals = JsonGrammar.Words(words);
        if (kinds.Contains("array"))
            rule.Array = new JsonArrayRule { MinItems = Count(schema, "minItems", path) ?? 0, MaxItems = Count(schema, "maxItems", path) };
        if (kinds.Contains("object"))
            rule.Object = new JsonObjectRule();

        if (rule.String is { } text && text.MinLength > text.MaxLength)
            throw Bad(path, $"'minLength' is {text.MinLength}, and 'maxLength' {text.MaxLength}");
        if (rule.Array is { } array)
            ReadItems(array, schema, path);
        if (rule.Object is { } properties)
            ReadProperties(properties, schema, path);
    }

    private void ReadItems(JsonArrayRule array, JsonElement schema, string path)
    {
        bool isThere = schema.TryGetProperty("items", out JsonElement items);
        if (isThere && items.ValueKind == JsonValueKind.False)
            array.MaxItems = 0;
        if (array.MinItems > array.MaxItems)
            throw Bad(path, $"'minItems' is {array.MinItems}, but there are at most {array.MaxItems} items");
        array.Items = isThere && items.ValueKind != JsonValueKind.False ? Read(items, $"{path}/items") : grammar.Any;
    }

    private void ReadProperties(JsonObjectRule rule, JsonElement schema, string path)
    {
        List<string> required = [];
        if (schema.TryGetProperty("required", out JsonElement names))
        {
            if (names.ValueKind != JsonValueKind.Array || names.EnumerateArray().Any(n => n.ValueKind != JsonValueKind.String))
                throw Bad(path, "'required' is no list of names");
            required = [.. names.EnumerateArray().Select(n => n.GetString()!).Distinct()];
        }

        List<JsonPropertyRule> properties = [];
        if (schema.TryGetProperty("properties", out JsonElement members))
        {
            if (members.ValueKind != JsonValueKind.Object)
                throw Bad(path, "'properties' is no object");
            foreach (JsonProperty member in members.EnumerateObject())
            {
                JsonRule value = Read(member.Value, $"{path}/properties/{Pointer(member.Name)}");
                properties.Add(new JsonPropertyRule(JsonGrammar.Escape(member.Name), value, required.Remove(member.Name)));
            }
        }

        bool isOpen = schema.TryGetProperty("additionalProperties", out JsonElement additional);
        if (!isOpen)
            rule.Additional = properties.Count == 0 && required.Count == 0 ? grammar.Any : null;
        else if (additional.ValueKind != JsonValueKind.False)
            rule.Additional = Read(additional, $"{path}/additionalProperties");
        foreach (string name in required)
            properties.Add(new JsonPropertyRule(JsonGrammar.Escape(name), isOpen ? rule.Additional ?? throw Bad(path, $"'{name}' is required, but not allowed") : grammar.Any, true));
        try
        {
            rule.SetProperties(properties);
        }
        catch (ArgumentException e)
        {
            throw Bad(path, $"of 'properties' {e.Message}");
        }
    }

    private static void Spell(JsonRule rule, JsonElement schema, (string Name, JsonElement Value) literals, string path)
    {
        CheckKeywords(schema, path, ["type", literals.Name]);
        if (literals.Name == "enum" && literals.Value.ValueKind != JsonValueKind.Array)
            throw Bad(path, "'enum' is no list");
        HashSet<string> kinds = Kinds(schema, path);
        HashSet<string> texts = [];
        JsonElement[] values = literals.Name == "enum" ? [.. literals.Value.EnumerateArray()] : [literals.Value];
        foreach (JsonElement value in values)
        {
            (string kind, string text) = value.ValueKind switch
            {
                JsonValueKind.String => ("string", $"\"{Encoding.UTF8.GetString(JsonGrammar.Escape(value.GetString()!))}\""),
                JsonValueKind.Number => (value.TryGetInt64(out _) ? "integer" : "number", value.GetRawText()),
                JsonValueKind.Null => ("null", "null"),
                JsonValueKind.True or JsonValueKind.False => ("boolean", value.GetRawText()),
                _ => throw new NotSupportedException($"The JSON schema's '{literals.Name}' at {path} holds {value.ValueKind}; supported values: texts, numbers, true, false and null."),
            };
            if (kinds.Contains(kind) || (kind == "integer" && kinds.Contains("number")))
                texts.Add(text);
        }

        if (texts.Count == 0)
            throw Bad(path, $"'{literals.Name}' leaves no value");
        rule.Literals = JsonGrammar.Words([.. texts]);
    }

    private void Unite(JsonRule rule, JsonElement schema, (string Name, JsonElement Value) union, string path)
    {
        CheckKeywords(schema, path, [union.Name]);
        if (union.Value.ValueKind != JsonValueKind.Array || union.Value.GetArrayLength() == 0)
            throw Bad(path, $"'{union.Name}' is no list of schemas");
        _unions.Add(rule);
        List<byte[]> literals = [];
        int number = 0;
        foreach (JsonElement element in union.Value.EnumerateArray())
        {
            JsonRule part = Read(element, $"{path}/{union.Name}/{number++}");
            if (_unions.Contains(part))
                throw Bad(path, $"'{union.Name}' contains itself");
            literals.AddRange(part.Literals?.Texts ?? []);
            if ((rule.Object is not null && part.Object is not null) || (rule.Array is not null && part.Array is not null)
                || (rule.String is not null && part.String is not null) || (rule.Number is not null && part.Number is not null))
                throw Alike();
            rule.Object ??= part.Object;
            rule.Array ??= part.Array;
            rule.String ??= part.String;
            rule.Number ??= part.Number;
        }

        _unions.Remove(rule);
        string[] texts = [.. literals.Select(Encoding.UTF8.GetString)];
        if (texts.Distinct().Count() < texts.Length
            || texts.Any(t => (rule.String is not null && t[0] == '"') || (rule.Number is not null && (t[0] == '-' || char.IsAsciiDigit(t[0])))))
            throw Alike();
        if (texts.Length > 0)
            rule.Literals = JsonGrammar.Words(texts);

        NotSupportedException Alike() => new($"The JSON schema's '{union.Name}' at {path} has two schemas for values of one kind; only those of different kinds are known.");
    }

    private static HashSet<string> Kinds(JsonElement schema, string path)
    {
        if (!schema.TryGetProperty("type", out JsonElement type))
            return [.. _kinds];
        JsonElement[] names = type.ValueKind == JsonValueKind.Array ? [.. type.EnumerateArray()] : [type];
        if (names.Length == 0 || names.Any(n => n.ValueKind != JsonValueKind.String || !_kinds.Contains(n.GetString())))
            throw Bad(path, $"'type' is {Quoted.Text(type.GetRawText())}; supported values: {string.Join(", ", _kinds)}");
        return [.. names.Select(n => n.GetString()!)];
    }

    private static int? Count(JsonElement schema, string name, string path)
    {
        if (!schema.TryGetProperty(name, out JsonElement value))
            return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int count) && count >= 0
            ? count
            : throw Bad(path, $"'{name}' is {Quoted.Text(value.GetRawText())}; expected a whole number from 0 on");
    }

    private static (string Name, JsonElement Value)? Find(JsonElement schema, params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            if (schema.TryGetProperty(name, out JsonElement value))
                return (name, value);
        }

        return null;
    }

    private static void CheckKeywords(JsonElement schema, string path, string[] known)
    {
        foreach (JsonProperty member in schema.EnumerateObject())
        {
            if (!known.Contains(member.Name) && !_annotations.Contains(member.Name))
                throw new NotSupportedException(
                    $"The JSON schema's keyword {Quoted.Text(member.Name)} at {path} is not supported{(_assertions.Contains(member.Name) ? $" beside '{known[^1]}'" : "")}.");
        }
    }

    private static bool IsAnything(JsonElement schema) =>
        schema.ValueKind == JsonValueKind.True || (schema.ValueKind == JsonValueKind.Object && !schema.EnumerateObject().Any());

    // A pointer within the schema: #/$defs/name.
    private JsonElement Resolve(string reference)
    {
        if (!reference.StartsWith('#') || (reference.Length > 1 && reference[1] != '/'))
            throw new NotSupportedException($"The JSON schema refers to {Quoted.Text(reference)}; supported values: references within the schema, such as #/$defs/name.");
        JsonElement found = root;
        foreach (string part in reference.Split('/').Skip(1))
        {
            string name = Uri.UnescapeDataString(part).Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            found = found.ValueKind switch
            {
                JsonValueKind.Object when found.TryGetProperty(name, out JsonElement member) => member,
                JsonValueKind.Array when int.TryParse(name, out int index) && index >= 0 && index < found.GetArrayLength() => found[index],
                _ => throw Bad(reference, "there is no such part"),
            };
        }

        return found;
    }

    private static string Pointer(string name) => name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);

    private static ArgumentException Bad(string path, string what) => new($"The JSON schema is not usable at {path}: {what}.");
}
