using System.Text.Json;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Tokenization.Models;

namespace Microsoft.ML.Generative.Text.Tokenization.Formats;

/// <summary>Reads the model of a tokenizer.json.</summary>
internal static class ModelJson
{
    /// <summary>
    /// A member of our own in a BPE model: the rank of each merge, where several have the same, as the merges of SentencePiece's and
    /// tiktoken's files that make the same token. Other readers leave it out, and may differ in rare cases.
    /// </summary>
    public const string MergeRanks = "merge_ranks";

    /// <summary>
    /// A member of our own in a Unigram model, which SentencePiece's files need: <see cref="UnigramSettings.SinglePrecision"/>.
    /// </summary>
    public const string SinglePrecision = "single_precision";

    /// <exception cref="InvalidDataException">It is not valid or not supported.</exception>
    public static TokenModel Read(JsonElement element, string path, bool byteLevel, IReadOnlySet<int> controlIds)
    {
        var members = new JsonMembers(element, path);
        // The oldest files name no type; they are BPE.
        string type = members.OptionalString("type") ?? "BPE";
        if (byteLevel && type != "BPE")
            throw members.Bad(
                $"has the type {Quoted.Text(type)} where the pre-tokenizer is 'ByteLevel'; that is supported with 'BPE' only");
        TokenModel model = type switch
        {
            "BPE" => ReadBpe(members, byteLevel),
            "Unigram" => ReadUnigram(members, controlIds),
            "WordPiece" => new WordPieceModel(
                ReadVocabulary(members), UnknownToken(members), members.OptionalString("continuing_subword_prefix") ?? "##",
                members.Int("max_input_chars_per_word")),
            "WordLevel" => new WordLevelModel(ReadVocabulary(members), UnknownToken(members)),
            _ => throw members.Bad(
                $"has the type {Quoted.Text(type)}, which is not supported; supported values: BPE, Unigram, WordPiece and WordLevel"),
        };
        members.Close();
        return model;
    }

    // Files without such a token have null or an empty text.
    private static string? UnknownToken(JsonMembers members) =>
        members.OptionalString("unk_token") is { Length: > 0 } token ? token : null;

    private static BytePairModel ReadBpe(JsonMembers members, bool byteLevel)
    {
        if (members.Optional("dropout") is { } dropout
            && !(dropout.ValueKind == JsonValueKind.Number && dropout.TryGetDouble(out double share) && share == 0))
            throw members.Bad("has a 'dropout', which is not supported: the same text would have other ids each time");

        TokenVocabulary vocabulary = ReadVocabulary(members);
        var settings = new BytePairSettings
        {
            ByteLevel = byteLevel,
            UnknownToken = UnknownToken(members),
            FuseUnknown = members.Bool("fuse_unk", missing: false),
            ByteFallback = members.Bool("byte_fallback", missing: false),
            IgnoreMerges = members.Bool("ignore_merges", missing: false),
            Prefix = members.OptionalString("continuing_subword_prefix") ?? "",
            Suffix = members.OptionalString("end_of_word_suffix") ?? "",
        };
        if (settings.Prefix.Length > TextGrowth.MaxContent || settings.Suffix.Length > TextGrowth.MaxContent)
            throw members.Bad($"has a prefix or suffix of more than {TextGrowth.MaxContent} characters");
        return new BytePairModel(vocabulary, ReadMerges(members), settings);
    }

    private static List<TokenMerge> ReadMerges(JsonMembers members)
    {
        string path = $"{members.Path}.merges";
        List<TokenMerge> merges = [];
        foreach (JsonElement element in JsonMembers.ArrayOf(members.Required("merges"), path))
        {
            var (left, right) = ReadMerge(element, $"{path}[{merges.Count}]");
            merges.Add(new TokenMerge(left, right, merges.Count));
        }

        if (members.Optional(MergeRanks) is not { } ranks)
            return merges;

        path = $"{members.Path}.{MergeRanks}";
        int index = 0;
        foreach (JsonElement rank in JsonMembers.ArrayOf(ranks, path))
        {
            if (index < merges.Count)
                merges[index] = merges[index] with { Rank = JsonMembers.IntOf(rank, path) };
            index++;
        }

        return index == merges.Count ? merges : throw new InvalidDataException($"{path} has {index} ranks for {merges.Count} merges.");
    }

    // "left right", or since 2024 ["left", "right"].
    private static (string Left, string Right) ReadMerge(JsonElement element, string path)
    {
        if (element.ValueKind == JsonValueKind.Array)
        {
            return element.GetArrayLength() == 2
                ? (JsonMembers.TextOf(element[0], path), JsonMembers.TextOf(element[1], path))
                : throw new InvalidDataException($"{path} has {element.GetArrayLength()} elements; expected 2.");
        }

        string text = JsonMembers.TextOf(element, path);
        int space = text.IndexOf(' ');
        return space > 0 && space == text.LastIndexOf(' ') && space < text.Length - 1
            ? (text[..space], text[(space + 1)..])
            : throw new InvalidDataException($"{path} is {Quoted.Text(text)}; expected two tokens with a space between.");
    }

    private static UnigramModel ReadUnigram(JsonMembers members, IReadOnlySet<int> controlIds)
    {
        string path = $"{members.Path}.vocab";
        List<(string Token, double Score)> pieces = [];
        foreach (JsonElement element in JsonMembers.ArrayOf(members.Required("vocab"), path))
        {
            if (pieces.Count == TokenVocabulary.MaxIds)
                throw new InvalidDataException($"{path} has more than {TokenVocabulary.MaxIds} tokens.");
            if (element.ValueKind != JsonValueKind.Array || element.GetArrayLength() != 2
                || element[1].ValueKind != JsonValueKind.Number || !element[1].TryGetDouble(out double score))
                throw new InvalidDataException($"{path}[{pieces.Count}] is no pair of token and score.");
            pieces.Add((JsonMembers.TextOf(element[0], $"{path}[{pieces.Count}]"), score));
        }

        int? unknown = members.Optional("unk_id") is { } id ? JsonMembers.IntOf(id, $"{members.Path}.unk_id") : null;
        return new UnigramModel(pieces, new UnigramSettings
        {
            UnknownId = unknown,
            ByteFallback = members.Bool("byte_fallback", missing: false),
            SinglePrecision = members.Bool(SinglePrecision, missing: false),
        }, controlIds);
    }

    private static TokenVocabulary ReadVocabulary(JsonMembers members)
    {
        JsonElement vocabulary = members.Required("vocab");
        string path = $"{members.Path}.vocab";
        if (vocabulary.ValueKind != JsonValueKind.Object)
            throw new InvalidDataException($"{path} is {vocabulary.ValueKind} where an object was expected.");
        List<KeyValuePair<string, int>> tokens = [];
        foreach (JsonProperty token in vocabulary.EnumerateObject())
            tokens.Add(KeyValuePair.Create(JsonMembers.NameOf(token), JsonMembers.IntOf(token.Value, path)));
        return new TokenVocabulary(tokens);
    }
}
