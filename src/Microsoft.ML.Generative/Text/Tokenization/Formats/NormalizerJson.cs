using System.Text.Json;

namespace Microsoft.ML.Generative;

/// <summary>Reads the normaliser of a tokenizer.json.</summary>
internal static class NormalizerJson
{
    /// <exception cref="InvalidDataException">It is not valid or not supported.</exception>
    public static TextNormalizer Read(JsonElement element, string path)
    {
        var members = new JsonMembers(element, path);
        string type = members.String("type");
        TextNormalizer normalizer = type switch
        {
            "Sequence" => ReadSequence(members),
            "Prepend" => new PrependNormalizer(members.String("prepend")),
            "Replace" => new ReplaceNormalizer(
                new UnicodePattern(PreTokenizerJson.ReadPattern(members.Required("pattern"), $"{path}.pattern")), members.String("content")),
            "Strip" => new TrimNormalizer(members.Bool("strip_left", missing: true), members.Bool("strip_right", missing: true)),
            "Lowercase" => new LowercaseNormalizer(),
            _ => throw members.Bad($"has the type \"{type}\", which is not supported; supported are Prepend, Replace, Strip, Lowercase and Sequence"),
        };
        members.Close();
        return normalizer;
    }

    private static NormalizerSequence ReadSequence(JsonMembers members)
    {
        List<TextNormalizer> steps = [];
        foreach (JsonElement element in JsonMembers.ArrayOf(members.Required("normalizers"), $"{members.Path}.normalizers"))
            steps.Add(Read(element, $"{members.Path}.normalizers[{steps.Count}]"));
        return new NormalizerSequence(steps);
    }
}
