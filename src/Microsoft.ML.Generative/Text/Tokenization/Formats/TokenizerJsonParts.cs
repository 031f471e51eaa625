using System.Text.Json;
using Microsoft.ML.Generative.Text.Tokenization.Models;

namespace Microsoft.ML.Generative.Text.Tokenization.Formats;

/// <summary>Writes the parts of a tokenizer.json that several kinds of tokenizers have.</summary>
internal static class TokenizerJsonParts
{
    /// <summary>A pre-tokenizer that makes each match a piece.</summary>
    public static void WriteSplit(Utf8JsonWriter writer, string pattern)
    {
        writer.WriteString("type", "Split");
        writer.WriteStartObject("pattern");
        writer.WriteString("Regex", pattern);
        writer.WriteEndObject();
        writer.WriteString("behavior", "Isolated");
        writer.WriteBoolean("invert", false);
    }

    /// <summary>A decoder that puts tokens together as they are.</summary>
    public static void WriteFuse(Utf8JsonWriter writer) => writer.WriteString("type", "Fuse");

    public static void WriteByteLevel(Utf8JsonWriter writer, bool addPrefixSpace, bool usePattern)
    {
        writer.WriteString("type", "ByteLevel");
        writer.WriteBoolean("add_prefix_space", addPrefixSpace);
        writer.WriteBoolean("trim_offsets", true);
        writer.WriteBoolean("use_regex", usePattern);
    }

    /// <summary>A part made of others, one after the other.</summary>
    public static void WriteSequence(Utf8JsonWriter writer, string name, IEnumerable<Action<Utf8JsonWriter>> steps)
    {
        writer.WriteString("type", "Sequence");
        writer.WriteStartArray(name);
        foreach (Action<Utf8JsonWriter> step in steps)
        {
            writer.WriteStartObject();
            step(writer);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    /// <summary>A normalizer or a step of a decoder that replaces one text by another.</summary>
    public static void WriteReplace(Utf8JsonWriter writer, string kind, string pattern, string content)
    {
        writer.WriteString("type", "Replace");
        writer.WriteStartObject("pattern");
        writer.WriteString(kind, pattern);
        writer.WriteEndObject();
        writer.WriteString("content", content);
    }

    /// <summary>A byte pair encoding. Merges that have the same rank as another are written with their ranks.</summary>
    public static void WriteBytePairs(
        Utf8JsonWriter writer, IEnumerable<KeyValuePair<string, int>> vocabulary, IReadOnlyCollection<TokenMerge> merges,
        BytePairSettings settings)
    {
        writer.WriteString("type", "BPE");
        writer.WriteNull("dropout");
        writer.WriteString("unk_token", settings.UnknownToken);
        writer.WriteString("continuing_subword_prefix", settings.Prefix.Length > 0 ? settings.Prefix : null);
        writer.WriteString("end_of_word_suffix", settings.Suffix.Length > 0 ? settings.Suffix : null);
        writer.WriteBoolean("fuse_unk", settings.FuseUnknown);
        writer.WriteBoolean("byte_fallback", settings.ByteFallback);
        writer.WriteBoolean("ignore_merges", settings.IgnoreMerges);
        WriteVocabulary(writer, vocabulary);
        writer.WriteStartArray("merges");
        foreach (TokenMerge merge in merges)
        {
            writer.WriteStartArray();
            writer.WriteStringValue(merge.Left);
            writer.WriteStringValue(merge.Right);
            writer.WriteEndArray();
        }

        writer.WriteEndArray();
        if (merges.DistinctBy(merge => merge.Rank).Count() == merges.Count)
            return;

        writer.WriteStartArray(ModelJson.MergeRanks);
        foreach (TokenMerge merge in merges)
            writer.WriteNumberValue(merge.Rank);
        writer.WriteEndArray();
    }

    /// <summary>A decoder for tokens with a character for spaces, one of which may stand before the text.</summary>
    public static void WriteSentencePieceDecoder(Utf8JsonWriter writer, char space, bool stripSpace)
    {
        List<Action<Utf8JsonWriter>> steps = [];
        if (space != ' ')
            steps.Add(step => WriteReplace(step, "String", space.ToString(), " "));
        steps.Add(step => step.WriteString("type", "ByteFallback"));
        steps.Add(WriteFuse);
        if (stripSpace)
        {
            steps.Add(step =>
            {
                step.WriteString("type", "Strip");
                step.WriteString("content", " ");
                step.WriteNumber("start", 1);
                step.WriteNumber("stop", 0);
            });
        }

        WriteSequence(writer, "decoders", steps);
    }

    /// <summary>A token before and one after a text.</summary>
    public static void WriteFrame(Utf8JsonWriter writer, (string Token, int Id)? before, (string Token, int Id)? after) => WriteFrame(
        writer, before is { } begin ? [begin] : [], after is { } end ? [end] : (IReadOnlyList<(string Token, int Id)>)[]);

    /// <summary>Tokens before and after a text.</summary>
    public static void WriteFrame(
        Utf8JsonWriter writer, IReadOnlyList<(string Token, int Id)> before, IReadOnlyList<(string Token, int Id)> after)
    {
        writer.WriteString("type", "TemplateProcessing");
        WriteTemplate(writer, "single", before, after, ["A"]);
        WriteTemplate(writer, "pair", before, after, ["A", "B"]);
        writer.WriteStartObject("special_tokens");
        foreach (var (token, id) in before.Concat(after).Distinct())
        {
            writer.WriteStartObject(token);
            writer.WriteString("id", token);
            writer.WriteStartArray("ids");
            writer.WriteNumberValue(id);
            writer.WriteEndArray();
            writer.WriteStartArray("tokens");
            writer.WriteStringValue(token);
            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        writer.WriteEndObject();
    }

    public static void WriteVocabulary(Utf8JsonWriter writer, IEnumerable<KeyValuePair<string, int>> vocabulary)
    {
        writer.WriteStartObject("vocab");
        foreach (var (token, id) in vocabulary.OrderBy(entry => entry.Value))
            writer.WriteNumber(token, id);
        writer.WriteEndObject();
    }

    private static void WriteTemplate(
        Utf8JsonWriter writer, string name, IReadOnlyList<(string Token, int Id)> before, IReadOnlyList<(string Token, int Id)> after,
        ReadOnlySpan<string> texts)
    {
        writer.WriteStartArray(name);
        for (int i = 0; i < texts.Length; i++)
        {
            foreach ((string token, _) in before)
                WritePlace(writer, "SpecialToken", token, i);
            WritePlace(writer, "Sequence", texts[i], i);
            foreach ((string token, _) in after)
                WritePlace(writer, "SpecialToken", token, i);
        }

        writer.WriteEndArray();
    }

    private static void WritePlace(Utf8JsonWriter writer, string kind, string id, int type)
    {
        writer.WriteStartObject();
        writer.WriteStartObject(kind);
        writer.WriteString("id", id);
        writer.WriteNumber("type_id", type);
        writer.WriteEndObject();
        writer.WriteEndObject();
    }
}
