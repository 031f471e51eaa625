using System.Text.Json;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Tokenization.Formats;

/// <summary>
/// Reads the post-processor of a tokenizer.json: the tokens before and after a text. What it does to pairs of texts is left out.
/// </summary>
internal static class PostProcessorJson
{
    /// <exception cref="InvalidDataException">It is not valid or not supported.</exception>
    public static (List<int> Before, List<int> After) Read(JsonElement element, string path)
    {
        var members = new JsonMembers(element, path);
        string type = members.String("type");
        var frame = type switch
        {
            "TemplateProcessing" => ReadTemplate(members),
            "BertProcessing" or "RobertaProcessing" => ReadBert(members.Ignore("trim_offsets", "add_prefix_space")),
            "ByteLevel" => NoFrame(members.Ignore("add_prefix_space", "trim_offsets", "use_regex")),
            "Sequence" => ReadSequence(members),
            _ => throw members.Bad(
                $"has the type {Quoted.Text(type)}, which is not supported; supported values: TemplateProcessing, BertProcessing, "
                + "RobertaProcessing, ByteLevel and Sequence"),
        };
        TextGrowth.CheckSteps(members, frame.Before.Count + frame.After.Count);
        members.Close();
        return frame;
    }

    private static (List<int> Before, List<int> After) NoFrame(JsonMembers members) => ([], []);

    private static (List<int> Before, List<int> After) ReadSequence(JsonMembers members)
    {
        List<int> before = [];
        List<int> after = [];
        int index = 0;
        foreach (JsonElement element in JsonMembers.ArrayOf(members.Required("processors"), $"{members.Path}.processors"))
        {
            TextGrowth.CheckSteps(members, before.Count + after.Count);
            var inner = Read(element, $"{members.Path}.processors[{index++}]");
            before.InsertRange(0, inner.Before);
            after.AddRange(inner.After);
        }

        return (before, after);
    }

    private static (List<int> Before, List<int> After) ReadBert(JsonMembers members) =>
        ([ReadPair(members, "cls")], [ReadPair(members, "sep")]);

    private static int ReadPair(JsonMembers members, string name)
    {
        JsonElement pair = members.Required(name);
        return pair.ValueKind == JsonValueKind.Array && pair.GetArrayLength() == 2
            ? JsonMembers.IntOf(pair[1], $"{members.Path}.{name}[1]")
            : throw members.Bad($"has no pair of token and id for '{name}'");
    }

    private static (List<int> Before, List<int> After) ReadTemplate(JsonMembers members)
    {
        members.Ignore("pair");
        Dictionary<string, List<int>> specials = ReadSpecialTokens(members);
        List<int> before = [];
        List<int> after = [];
        bool text = false;
        int index = 0;
        foreach (JsonElement element in JsonMembers.ArrayOf(members.Required("single"), $"{members.Path}.single"))
        {
            var part = new JsonMembers(element, $"{members.Path}.single[{index++}]");
            if (part.Optional("SpecialToken") is { } special)
            {
                string name = new JsonMembers(special, $"{part.Path}.SpecialToken").String("id");
                (text ? after : before).AddRange(
                    specials.GetValueOrDefault(name)
                        ?? throw part.Bad($"names {Quoted.Text(name)}, which is not among the special tokens"));
            }
            else
            {
                if (text)
                    throw part.Bad("is a second place for the text, which is not supported");
                text = part.Optional("Sequence") is not null ? true : throw part.Bad("is neither 'SpecialToken' nor 'Sequence'");
            }

            part.Close();
        }

        return text ? (before, after) : throw members.Bad("has no place for the text in 'single'");
    }

    private static Dictionary<string, List<int>> ReadSpecialTokens(JsonMembers members)
    {
        var specials = new Dictionary<string, List<int>>(StringComparer.Ordinal);
        if (members.Optional("special_tokens") is not { } element)
            return specials;
        string path = $"{members.Path}.special_tokens";
        if (element.ValueKind != JsonValueKind.Object)
            throw new InvalidDataException($"{path} is {element.ValueKind} where an object was expected.");
        foreach (JsonProperty special in element.EnumerateObject())
        {
            var token = new JsonMembers(special.Value, path);
            specials[JsonMembers.NameOf(special)] =
                [.. JsonMembers.ArrayOf(token.Required("ids"), path).Select(id => JsonMembers.IntOf(id, path))];
        }

        return specials;
    }
}
