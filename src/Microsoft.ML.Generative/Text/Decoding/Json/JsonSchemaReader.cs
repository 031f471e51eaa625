using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Decoding.Json;

/// <summary>
/// Rules out of a JSON schema (draft 2020-12, and what earlier drafts have in common with it). What it does not know it refuses by name: a
/// text would not be what the schema says.
/// </summary>
internal sealed class JsonSchemaReader(JsonGrammar grammar, JsonElement root, string? typeName)
{
    private const int MostRules = 4096;

    private readonly JsonScalarReader _scalars = new(typeName);
    private readonly Dictionary<string, JsonRule> _rules = [];
    private readonly HashSet<string> _openUnions = [];
    private readonly string? _embeddedRoot = FindEmbeddedRoot(root);

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
            throw JsonSchemaKeywords.Bad("#", e.Message);
        }
    }

    private JsonRule Read(JsonElement schema, string path)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        (schema, path) = Follow(schema, path);
        if (schema.ValueKind == JsonValueKind.True)
            return grammar.Any;
        if (schema.ValueKind != JsonValueKind.Object)
            throw JsonSchemaKeywords.Bad(path, $"{schema.ValueKind} where an object was expected");
        if (_rules.TryGetValue(path, out JsonRule? known))
            return known;
        if (_rules.Count == MostRules)
            throw new NotSupportedException($"The JSON schema has more than {MostRules} parts.");

        JsonRule rule = _rules[path] = grammar.Add();
        Fill(rule, new JsonSchemaKeywords(schema, path));
        return rule;
    }

    // To where references lead.
    private (JsonElement Schema, string Path) Follow(JsonElement schema, string path)
    {
        HashSet<string> followed = [];
        while (schema.ValueKind == JsonValueKind.Object && schema.TryGetProperty("$ref", out JsonElement reference))
        {
            var keywords = new JsonSchemaKeywords(schema, path);
            // Items that may be anything stand there by habit of AIJsonUtilities.
            keywords.Check(schema.TryGetProperty("items", out JsonElement items) && IsAnything(items) ? ["items", "$ref"] : ["$ref"]);
            if (reference.ValueKind != JsonValueKind.String || !followed.Add(path))
                throw keywords.Bad("'$ref' is no reference, or refers to itself");
            (schema, path) = Resolve(reference.GetString()!, path);
        }

        return (schema, path);
    }

    private void Fill(JsonRule rule, JsonSchemaKeywords schema)
    {
        if (schema.Find("anyOf", "oneOf") is { } union)
            Unite(rule, schema, union);
        else if (schema.Find("const", "enum") is { } literals)
            Spell(rule, schema, literals);
        else
            FillKinds(rule, schema);
    }

    // The kinds come first: a part may refer to the whole.
    private void FillKinds(JsonRule rule, JsonSchemaKeywords schema)
    {
        schema.Check(JsonSchemaKeywords.Assertions);
        HashSet<string> kinds = schema.KindsOf();
        if (kinds.Contains("string"))
            rule.String = _scalars.Strings(schema);
        if (kinds.Contains("number"))
            rule.Number = JsonScalarReader.Numbers(schema);
        else if (kinds.Contains("integer"))
            rule.Number = _scalars.WholeNumbers(schema);
        string[] words =
        [
            .. kinds.Contains("null") ? ["null"] : Array.Empty<string>(),
            .. kinds.Contains("boolean") ? ["true", "false"] : Array.Empty<string>(),
        ];
        if (words.Length > 0)
            rule.Literals = JsonGrammar.Words(words);
        if (kinds.Contains("array"))
            rule.Array = new JsonArrayRule { MinItems = schema.Count("minItems") ?? 0, MaxItems = schema.Count("maxItems") };
        if (kinds.Contains("object"))
            rule.Object = new JsonObjectRule();

        if (rule.Array is { } array)
            ReadItems(array, schema);
        if (rule.Object is { } properties)
            ReadProperties(properties, schema);
    }

    private void ReadItems(JsonArrayRule array, JsonSchemaKeywords schema)
    {
        bool isThere = schema.Schema.TryGetProperty("items", out JsonElement items);
        if (isThere && items.ValueKind == JsonValueKind.False)
            array.MaxItems = 0;
        if (array.MinItems > array.MaxItems)
            throw schema.Bad($"'minItems' is {array.MinItems}, but there are at most {array.MaxItems} items");
        array.Items = isThere && items.ValueKind != JsonValueKind.False ? Read(items, $"{schema.Path}/items") : grammar.Any;
    }

    private void ReadProperties(JsonObjectRule rule, JsonSchemaKeywords schema)
    {
        List<string> required = [];
        if (schema.Schema.TryGetProperty("required", out JsonElement names))
        {
            if (names.ValueKind != JsonValueKind.Array || names.EnumerateArray().Any(n => n.ValueKind != JsonValueKind.String))
                throw schema.Bad("'required' is no list of names");
            required = [.. names.EnumerateArray().Select(n => n.GetString()!).Distinct()];
        }

        List<JsonPropertyRule> properties = [];
        if (schema.Schema.TryGetProperty("properties", out JsonElement members))
        {
            if (members.ValueKind != JsonValueKind.Object)
                throw schema.Bad("'properties' is no object");
            foreach (JsonProperty member in members.EnumerateObject())
            {
                JsonRule value = Read(member.Value, $"{schema.Path}/properties/{Pointer(member.Name)}");
                properties.Add(new JsonPropertyRule(JsonGrammar.Escape(member.Name), value, required.Remove(member.Name)));
            }
        }

        bool isOpen = schema.Schema.TryGetProperty("additionalProperties", out JsonElement additional);
        if (!isOpen)
            rule.Additional = properties.Count == 0 && required.Count == 0 ? grammar.Any : null;
        else if (additional.ValueKind != JsonValueKind.False)
            rule.Additional = Read(additional, $"{schema.Path}/additionalProperties");
        foreach (string name in required)
        {
            JsonRule value = isOpen ? rule.Additional ?? throw schema.Bad($"'{name}' is required, but not allowed") : grammar.Any;
            properties.Add(new JsonPropertyRule(JsonGrammar.Escape(name), value, true));
        }

        try
        {
            rule.SetProperties(properties);
        }
        catch (ArgumentException e)
        {
            throw schema.Bad($"of 'properties' {e.Message}");
        }
    }

    private static void Spell(JsonRule rule, JsonSchemaKeywords schema, (string Name, JsonElement Value) literals)
    {
        schema.Check("type", literals.Name);
        if (literals.Name == "enum" && literals.Value.ValueKind != JsonValueKind.Array)
            throw schema.Bad("'enum' is no list");
        HashSet<string> kinds = schema.KindsOf();
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
                _ => throw new NotSupportedException(
                    $"The JSON schema's '{literals.Name}' at {schema.Path} holds {value.ValueKind}; supported values: texts, numbers, "
                    + "true, "
                    + "false and null."),
            };
            if (kinds.Contains(kind) || (kind == "integer" && kinds.Contains("number")))
                texts.Add(text);
        }

        if (texts.Count == 0)
            throw schema.Bad($"'{literals.Name}' leaves no value");
        rule.Literals = JsonGrammar.Words([.. texts]);
    }

    private void Unite(JsonRule rule, JsonSchemaKeywords schema, (string Name, JsonElement Value) union)
    {
        schema.Check([.. JsonSchemaKeywords.Assertions, union.Name]);
        if (union.Value.ValueKind != JsonValueKind.Array || union.Value.GetArrayLength() == 0)
            throw schema.Bad($"'{union.Name}' is no list of schemas");
        bool isAlone = schema.Schema.EnumerateObject().All(m => m.Name == union.Name || JsonSchemaKeywords.IsAnnotation(m.Name));
        _openUnions.Add(schema.Path);
        List<JsonRule> parts = [];
        int number = 0;
        foreach (JsonElement element in union.Value.EnumerateArray())
        {
            (JsonElement part, string path) = Follow(element, $"{schema.Path}/{union.Name}/{number++}");
            if (_openUnions.Contains(path))
                throw schema.Bad($"'{union.Name}' contains itself");
            if (isAlone)
            {
                parts.Add(Read(part, path));
                continue;
            }

            // Not the rule of its path: others may refer to the part alone.
            JsonRule merged = grammar.Add();
            Fill(merged, new JsonSchemaKeywords(JsonUnionReader.Merge(schema, union.Name, part, path), path));
            parts.Add(merged);
        }

        _openUnions.Remove(schema.Path);
        JsonUnionReader.Unite(rule, parts, grammar, union.Name, schema.Path);
    }

    private static bool IsAnything(JsonElement schema) =>
        schema.ValueKind == JsonValueKind.True || (schema.ValueKind == JsonValueKind.Object && !schema.EnumerateObject().Any());

    // AIJsonUtilities puts what is no object into one, and leaves the references in it as they were.
    private static string? FindEmbeddedRoot(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("properties", out JsonElement properties)
            || properties.ValueKind != JsonValueKind.Object)
            return null;
        foreach (JsonProperty member in properties.EnumerateObject())
        {
            if (member.Value.ValueKind == JsonValueKind.Object && member.Value.TryGetProperty("$schema", out _))
                return $"#/properties/{Pointer(member.Name)}";
        }

        return null;
    }

    // A pointer within the schema: #/$defs/name.
    private (JsonElement Schema, string Path) Resolve(string reference, string from)
    {
        if (!reference.StartsWith('#') || (reference.Length > 1 && reference[1] != '/'))
        {
            throw new NotSupportedException(
                $"The JSON schema refers to {Quoted.Text(reference)}; supported values: references within the schema, such as "
                + "#/$defs/name.");
        }

        if (_embeddedRoot is { } embedded && (from == embedded || from.StartsWith(embedded + "/", StringComparison.Ordinal))
            && Find(embedded + reference[1..]) is { } inner)
            return (inner, embedded + reference[1..]);
        return (Find(reference) ?? throw JsonSchemaKeywords.Bad(reference, "there is no such part"), reference);
    }

    private JsonElement? Find(string path)
    {
        JsonElement found = root;
        foreach (string part in path.Split('/').Skip(1))
        {
            string name = Uri.UnescapeDataString(part)
                .Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            if (found.ValueKind == JsonValueKind.Object && found.TryGetProperty(name, out JsonElement member))
                found = member;
            else if (found.ValueKind == JsonValueKind.Array && int.TryParse(name, out int index) && index >= 0
                && index < found.GetArrayLength())
                found = found[index];
            else
                return null;
        }

        return found;
    }

    private static string Pointer(string name) =>
        name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);
}
