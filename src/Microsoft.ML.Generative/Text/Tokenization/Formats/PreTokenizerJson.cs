using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Tokenization.PreTokenizers;

namespace Microsoft.ML.Generative.Text.Tokenization.Formats;

/// <summary>Reads the pre-tokenizer of a tokenizer.json.</summary>
internal static class PreTokenizerJson
{
    /// <returns>The pre-tokenizer, and whether the model is to read the pieces as bytes.</returns>
    /// <exception cref="InvalidDataException">It is not valid or not supported.</exception>
    public static (TextPreTokenizer PreTokenizer, bool ByteLevel) Read(JsonElement element, string path)
    {
        List<TextPreTokenizer> steps = [];
        bool byteLevel = false;
        ReadInto(element, path, steps, ref byteLevel);
        return (steps.Count == 1 ? steps[0] : new PreTokenizerSequence(steps), byteLevel);
    }

    /// <summary>The pattern of a Split or a Replace: {"String": "…"}, taken literally, or {"Regex": "…"}.</summary>
    public static string ReadPattern(JsonElement element, string path)
    {
        var members = new JsonMembers(element, path);
        string? text = members.OptionalString("String");
        string? regex = members.OptionalString("Regex");
        members.Close();
        return (text, regex) switch
        {
            ({ Length: > 0 and <= TextGrowth.MaxContent }, null) => Regex.Escape(text),
            (null, { Length: > 0 }) => PatternTranslator.Translate(regex),
            _ => throw members.Bad("holds neither one 'String' nor one 'Regex' that is neither empty nor too long"),
        };
    }

    private static void ReadInto(JsonElement element, string path, List<TextPreTokenizer> steps, ref bool byteLevel)
    {
        var members = new JsonMembers(element, path);
        string type = members.String("type");
        if (byteLevel)
            throw members.Bad($"has the type {Quoted.Text(type)} after 'ByteLevel', which is supported as the last one only");
        if (type == "Sequence")
        {
            int index = 0;
            foreach (JsonElement step in JsonMembers.ArrayOf(members.Required("pretokenizers"), $"{path}.pretokenizers"))
                ReadInto(step, $"{path}.pretokenizers[{index++}]", steps, ref byteLevel);
        }
        else
        {
            byteLevel = type == "ByteLevel";
            steps.AddRange(ReadOne(members, type));
        }

        TextGrowth.CheckSteps(members, steps.Count);
        members.Close();
    }

    /// <summary>BERT's: at whitespace, and before and behind each punctuation mark.</summary>
    public static TextPreTokenizer[] Bert() =>
    [
        new CharacterPreTokenizer(Rune.IsWhiteSpace, SplitKind.Removed),
        new CharacterPreTokenizer(CharacterKinds.IsPunctuation, SplitKind.Isolated),
    ];

    private static TextPreTokenizer[] ReadOne(JsonMembers members, string type) => type switch
    {
        "ByteLevel" => [ReadByteLevel(members)],
        "Metaspace" => [ReadMetaspace(members)],
        "Split" => [new PatternPreTokenizer(
            new UnicodePattern(ReadPattern(members.Required("pattern"), $"{members.Path}.pattern")),
            Behavior(members, null), members.Bool("invert", missing: false))],
        "Whitespace" => [new PatternPreTokenizer(new UnicodePattern(KnownPatterns.WhitespaceText), SplitKind.Removed, invert: true)],
        "WhitespaceSplit" => [new CharacterPreTokenizer(Rune.IsWhiteSpace, SplitKind.Removed)],
        "BertPreTokenizer" => Bert(),
        "Punctuation" => [new CharacterPreTokenizer(CharacterKinds.IsPunctuation, Behavior(members, SplitKind.Isolated))],
        "Digits" => [new CharacterPreTokenizer(
            CharacterKinds.IsNumber, members.Bool("individual_digits", missing: false) ? SplitKind.Isolated : SplitKind.Contiguous)],
        "CharDelimiterSplit" => [ReadDelimiter(members)],
        _ => throw members.Bad(
            $"has the type {Quoted.Text(type)}, which is not supported; supported values: ByteLevel, Metaspace, Split, Whitespace, "
            + "WhitespaceSplit, BertPreTokenizer, Punctuation, Digits, CharDelimiterSplit and Sequence"),
    };

    private static ByteLevelPreTokenizer ReadByteLevel(JsonMembers members)
    {
        members.Ignore("trim_offsets");
        return new ByteLevelPreTokenizer(members.Bool("add_prefix_space", missing: true), members.Bool("use_regex", missing: true));
    }

    private static CharacterPreTokenizer ReadDelimiter(JsonMembers members)
    {
        var delimiter = new Rune(members.Char("delimiter"));
        return new CharacterPreTokenizer(rune => rune == delimiter, SplitKind.Removed);
    }

    private static MetaspacePreTokenizer ReadMetaspace(JsonMembers members)
    {
        members.Ignore("str_rep");
        return new MetaspacePreTokenizer(
            members.Char("replacement", '\u2581'), ReadPrependScheme(members), members.Bool("split", missing: true));
    }

    /// <summary>Reads the scheme, also as older files have it.</summary>
    public static PrependScheme ReadPrependScheme(JsonMembers members)
    {
        bool? older = members.OptionalBool("add_prefix_space");
        return members.OptionalString("prepend_scheme") switch
        {
            "always" => PrependScheme.Always,
            "first" => PrependScheme.First,
            "never" => PrependScheme.Never,
            null => older == false ? PrependScheme.Never : PrependScheme.Always,
            var other => throw members.Bad($"has the prepend_scheme {Quoted.Text(other)}; expected 'always', 'first' or 'never'"),
        };
    }

    private static SplitKind Behavior(JsonMembers members, SplitKind? missing) => members.OptionalString("behavior") switch
    {
        "Removed" => SplitKind.Removed,
        "Isolated" => SplitKind.Isolated,
        "MergedWithPrevious" => SplitKind.MergedWithPrevious,
        "MergedWithNext" => SplitKind.MergedWithNext,
        "Contiguous" => SplitKind.Contiguous,
        null when missing is { } kind => kind,
        var other => throw members.Bad(
            $"has the behavior {Quoted.Text(other)}; expected Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous"),
    };
}
