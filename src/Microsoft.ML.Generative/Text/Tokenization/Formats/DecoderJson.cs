using System.Text.Json;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Tokenization.Decoding;

namespace Microsoft.ML.Generative.Text.Tokenization.Formats;

/// <summary>Reads the decoder of a tokenizer.json, as far as text can be given token by token.</summary>
internal static class DecoderJson
{
    private sealed class Parts
    {
        public List<TokenTextStep> Steps { get; } = [];

        public bool ByteLevel { get; set; }

        public bool ByteFallback { get; set; }

        public bool Fused { get; set; }

        public (char Character, int Count) StripStart { get; set; }
    }

    /// <exception cref="InvalidDataException">It is not valid or not supported.</exception>
    public static DecoderSettings Read(JsonElement element, string path)
    {
        var parts = new Parts();
        ReadInto(element, path, parts);
        return new DecoderSettings
        {
            Steps = parts.Steps,
            ByteLevel = parts.ByteLevel,
            ByteFallback = parts.ByteFallback,
            StripStart = parts.StripStart,
        };
    }

    private static void ReadInto(JsonElement element, string path, Parts parts)
    {
        var members = new JsonMembers(element, path);
        string type = members.String("type");
        switch (type)
        {
            case "Sequence":
                int index = 0;
                foreach (JsonElement step in JsonMembers.ArrayOf(members.Required("decoders"), $"{path}.decoders"))
                    ReadInto(step, $"{path}.decoders[{index++}]", parts);
                break;
            case "ByteLevel":
                members.Ignore("add_prefix_space", "trim_offsets", "use_regex");
                if (parts.Fused || parts.Steps.Count > 0)
                    throw members.Bad("has the type 'ByteLevel' after others, which is not supported");
                parts.ByteLevel = true;
                break;
            case "ByteFallback":
                parts.ByteFallback = true;
                break;
            case "Fuse":
                parts.Fused = true;
                break;
            case "Strip":
                ReadStrip(members, parts);
                break;
            case "Replace":
                parts.Steps.Add(Unfused(members, parts, ReadReplace(members)));
                break;
            case "Metaspace":
                members.Ignore("str_rep", "split");
                parts.Steps.Add(Unfused(
                    members, parts, new MetaspaceStep(members.Char("replacement", '\u2581'), PreTokenizerJson.ReadPrependScheme(members))));
                break;
            case "WordPiece":
                parts.Steps.Add(Unfused(
                    members, parts, new WordPieceStep(members.OptionalString("prefix") ?? "##", members.Bool("cleanup", missing: true))));
                break;
            default:
                throw members.Bad(
                    $"has the type {Quoted.Text(type)}, which is not supported; supported values: ByteLevel, ByteFallback, Fuse, Strip, "
                    + "Replace, Metaspace, "
                    + "WordPiece and Sequence");
        }

        TextGrowth.CheckSteps(members, parts.Steps.Count);
        members.Close();
    }

    private static TokenTextStep Unfused(JsonMembers members, Parts parts, TokenTextStep step) =>
        parts.Fused ? throw members.Bad("comes after 'Fuse', which is not supported") : step;

    private static ReplaceStep ReadReplace(JsonMembers members)
    {
        var pattern = new JsonMembers(members.Required("pattern"), $"{members.Path}.pattern");
        string old = pattern.OptionalString("String") is { Length: > 0 } text
            ? text
            : throw pattern.Bad("is no 'String'; others are not supported in a decoder");
        pattern.Close();
        return new ReplaceStep(old, TextGrowth.Content(members, "content"));
    }

    private static void ReadStrip(JsonMembers members, Parts parts)
    {
        char character = members.Char("content");
        int start = members.Int("start");
        int stop = members.Int("stop");
        if (start < 0 || stop < 0)
            throw members.Bad($"has {start} for 'start' and {stop} for 'stop'; expected 0 or more");
        if (!parts.Fused)
            parts.Steps.Add(new StripStep(character, start, stop));
        else if (stop > 0 || parts.StripStart.Count > 0)
            throw members.Bad("comes after 'Fuse' with a 'stop', or twice, which is not supported");
        else
            parts.StripStart = (character, start);
    }
}
