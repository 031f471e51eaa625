using System.Text;
using System.Text.Json;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Tokenization.Normalizers;
using Microsoft.ML.Generative.Text.Tokenization.PreTokenizers;

namespace Microsoft.ML.Generative.Text.Tokenization.Formats;

/// <summary>Reads the normalizer of a tokenizer.json.</summary>
internal static class NormalizerJson
{
    /// <exception cref="InvalidDataException">It is not valid or not supported.</exception>
    public static TextNormalizer Read(JsonElement element, string path)
    {
        List<TextNormalizer> steps = [];
        ReadInto(element, path, steps);
        return new NormalizerSequence(steps);
    }

    private static void ReadInto(JsonElement element, string path, List<TextNormalizer> steps)
    {
        var members = new JsonMembers(element, path);
        string type = members.String("type");
        if (type == "Sequence")
        {
            int index = 0;
            foreach (JsonElement step in JsonMembers.ArrayOf(members.Required("normalizers"), $"{path}.normalizers"))
                ReadInto(step, $"{path}.normalizers[{index++}]", steps);
        }
        else
        {
            steps.Add(ReadOne(members, type));
        }

        TextGrowth.CheckSteps(members, steps.Count);
        members.Close();
    }

    private static TextNormalizer ReadOne(JsonMembers members, string type) => type switch
    {
        "Prepend" => new PrependNormalizer(TextGrowth.Content(members, "prepend")),
        "Replace" => new ReplaceNormalizer(
            new UnicodePattern(PreTokenizerJson.ReadPattern(members.Required("pattern"), $"{members.Path}.pattern")),
            TextGrowth.Content(members, "content")),
        "Strip" => new TrimNormalizer(members.Bool("strip_left", missing: true), members.Bool("strip_right", missing: true)),
        "Lowercase" => new LowercaseNormalizer(),
        "NFC" => new FormNormalizer(NormalizationForm.FormC),
        "NFD" => new FormNormalizer(NormalizationForm.FormD),
        "NFKC" => new FormNormalizer(NormalizationForm.FormKC),
        "NFKD" => new FormNormalizer(NormalizationForm.FormKD),
        "StripAccents" => new MarksNormalizer(),
        "BertNormalizer" => ReadBert(members),
        "Precompiled" => ReadPrecompiled(members),
        _ => throw members.Bad(
            $"has the type {Quoted.Text(type)}, which is not supported; supported values: NFC, NFD, NFKC, NFKD, Lowercase, Strip, "
            + "StripAccents, Replace, Prepend, BertNormalizer, Precompiled and Sequence"),
    };

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
}
