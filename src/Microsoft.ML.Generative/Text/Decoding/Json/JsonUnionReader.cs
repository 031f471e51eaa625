using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Decoding.Json;

/// <summary>Unions: values of different kinds, or objects that a property tells apart by its value.</summary>
internal static class JsonUnionReader
{
    /// <summary>What a part of a union says together with what stands beside the union.</summary>
    public static JsonElement Merge(JsonSchemaKeywords schema, string union, JsonElement part, string path)
    {
        var merged = new JsonObject();
        foreach (JsonProperty member in schema.Schema.EnumerateObject()
            .Where(m => m.Name != union && !JsonSchemaKeywords.IsAnnotation(m.Name)))
            merged[member.Name] = NodeOf(member.Value);
        if (part.ValueKind != JsonValueKind.Object && part.ValueKind != JsonValueKind.True)
            throw JsonSchemaKeywords.Bad(path, $"{part.ValueKind} where an object was expected");
        foreach (JsonProperty member in part.ValueKind == JsonValueKind.True ? [] : part.EnumerateObject().ToArray())
        {
            JsonNode? own = NodeOf(member.Value);
            merged[member.Name] = (member.Name, merged[member.Name]) switch
            {
                (_, null) => own,
                ("required", JsonArray names) when own is JsonArray more =>
                    new JsonArray([.. names.Concat(more).Select(n => n?.DeepClone())]),
                ("properties", JsonObject properties) when own is JsonObject more && more.All(m => !properties.ContainsKey(m.Key)) =>
                    new JsonObject([.. properties.Concat(more).Select(m => KeyValuePair.Create(m.Key, m.Value?.DeepClone()))]),
                ("type", { } types) => Common(types, own, path),
                (_, { } other) when JsonNode.DeepEquals(other, own) => own,
                _ => throw new NotSupportedException(
                    $"The JSON schema's keyword {Quoted.Text(member.Name)} at {path} stands beside '{union}', too, which is not "
                    + "supported."),
            };
        }

        return JsonSerializer.SerializeToElement(merged);
    }

    /// <summary>Fills a rule with the values of its parts.</summary>
    /// <exception cref="NotSupportedException">Two parts have values of one kind that nothing tells apart.</exception>
    public static void Unite(JsonRule rule, IReadOnlyList<JsonRule> parts, JsonGrammar grammar, string name, string path)
    {
        JsonRule[] objects = [.. parts.Where(p => p.Object is not null)];
        rule.Object = objects.Length > 1 ? Discriminate(objects, grammar) ?? throw Alike() : objects.FirstOrDefault()?.Object;
        rule.Array = One(p => p.Array);
        rule.String = One(p => p.String);
        rule.Number = One(p => p.Number);

        string[] texts = [.. parts.SelectMany(p => p.Literals?.Texts ?? []).Select(Encoding.UTF8.GetString).Distinct()];
        if (texts.Any(t => (rule.String is not null && t[0] == '"')
            || (rule.Number is not null && (t[0] == '-' || char.IsAsciiDigit(t[0])))))
        {
            throw Alike();
        }

        if (texts.Length > 0)
            rule.Literals = JsonGrammar.Words(texts);

        T? One<T>(Func<JsonRule, T?> of)
            where T : class
        {
            T[] all = [.. parts.Select(of).OfType<T>()];
            return all.Length <= 1 ? all.FirstOrDefault() : throw Alike();
        }

        NotSupportedException Alike() => new(
            $"The JSON schema's '{name}' at {path} has two schemas for values of one kind; only those of different kinds are supported, "
            + "and objects with a property that has other constants in each.");
    }

    // A property of constants that are others in each object comes first. One object may lack it.
    private static JsonObjectRule? Discriminate(JsonRule[] objects, JsonGrammar grammar)
    {
        foreach (byte[] name in objects.SelectMany(o => o.Object!.Properties).Where(p => IsConstant(p.Rule)).Select(p => p.Name))
        {
            JsonPropertyRule?[] constants =
                [.. objects.Select(o => o.Object!.Properties.FirstOrDefault(p => p.Name.AsSpan().SequenceEqual(name)))];
            JsonRule[] others = [.. objects.Where((_, i) => constants[i] is null)];
            byte[][] texts = [.. constants.SelectMany(c => c?.Rule.Literals?.Texts ?? [])];
            bool isApart = constants.All(c => c is null || IsConstant(c.Rule))
                && others.Length <= 1 && others.All(o => o.Object!.Additional is null)
                && texts.Select(Encoding.UTF8.GetString).Distinct().Count() == texts.Length;
            if (!isApart)
                continue;

            JsonRule values = grammar.Add();
            values.Literals = new TextTrie(texts);
            List<JsonRule> variants = [];
            for (int i = 0; i < objects.Length; i++)
            {
                if (constants[i] is not { } constant)
                    continue;
                JsonRule variant = grammar.Add();
                variant.Object = new JsonObjectRule { Additional = objects[i].Object!.Additional };
                variant.Object.SetProperties(
                    [constant with { IsRequired = true }, .. objects[i].Object!.Properties.Where(p => p != constant)]);
                variants.AddRange(Enumerable.Repeat(variant, constant.Rule.Literals!.Texts.Count));
            }

            var union = new JsonObjectRule { Variants = variants };
            union.SetProperties([new JsonPropertyRule(name, values, others.Length == 0), .. others.SelectMany(o => o.Object!.Properties)]);
            return union;
        }

        return null;
    }

    private static bool IsConstant(JsonRule rule) =>
        rule is { Literals: not null, Object: null, Array: null, String: null, Number: null };

    private static JsonArray Common(JsonNode types, JsonNode? others, string path)
    {
        string[] names = Names(types), otherNames = Names(others);
        string[] common = [.. names.Where(n => otherNames.Contains(n) || (n == "integer" && otherNames.Contains("number")))
            .Union(otherNames.Where(n => n == "integer" && names.Contains("number")))];
        return common.Length > 0
            ? new JsonArray([.. common.Select(n => (JsonNode)n)])
            : throw JsonSchemaKeywords.Bad(path, $"'type' is {string.Join(", ", otherNames)}, and {string.Join(", ", names)} beside it");

        string[] Names(JsonNode? node) => node is JsonArray list
            ? [.. list.Select(n => n?.GetValueKind() == JsonValueKind.String ? n.GetValue<string>() : "")]
            : [node?.GetValueKind() == JsonValueKind.String ? node.GetValue<string>() : ""];
    }

    private static JsonNode? NodeOf(JsonElement element) => JsonSerializer.SerializeToNode(element);
}
