using System.Text;
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
            "NFC" => new FormNormalizer(NormalizationForm.FormC),
            "NFD" => new FormNormalizer(NormalizationForm.FormD),
            "NFKC" => new FormNormalizer(NormalizationForm.FormKC),
            "NFKD" => new FormNormalizer(NormalizationForm.FormKD),
            "StripAccents" => new MarksNormalizer(),
            "BertNormalizer" => ReadBert(members),
            "Precompiled" => ReadPrecompiled(members),
            _ => throw members.Bad($"has the type \"{type}\", which is not supported; supported are NFC, NFD, NFKC, NFKD, Lowercase, Strip, "
                + "StripAccents, Replace, Prepend, BertNormalizer, Precompiled and Sequence"),
        };
        members.Close();
        return normalizer;
    }

    private static BertNormalizer ReadBert(JsonMembers members)
    {
        bool lowercase = members.Bool("lowercase", missing: true);
        return new BertNormalizer(
            members.Bool("clean_text", missing: true), members.Bool("handle_chinese_chars", missing: true),
            members.OptionalBool("strip_accents") ?? lowercase, lowercase);
    }

    private static PrecompiledNormalizer ReadPrecompiled(JsonMembers members)
    {
        try
        {
            return new PrecompiledNormalizer(Convert.FromBase64String(members.String("precompiled_charsmap")));
        }
        catch (FormatException e)
        {
            throw new InvalidDataException($"{members.Path}.precompiled_charsmap is not Base64.", e);
        }
    }

    private static NormalizerSequence ReadSequence(JsonMembers members)
    {
        List<TextNormalizer> steps = [];
        foreach (JsonElement element in JsonMembers.ArrayOf(members.Required("normalizers"), $"{members.Path}.normalizers"))
            steps.Add(Read(element, $"{members.Path}.normalizers[{steps.Count}]"));
        return new NormalizerSequence(steps);
    }
}
