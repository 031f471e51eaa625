using System.Text.Json;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Tokenization.Decoding;
using Microsoft.ML.Generative.Text.Tokenization.Models;
using Microsoft.ML.Generative.Text.Tokenization.Normalizers;

namespace Microsoft.ML.Generative.Text.Tokenization.Formats;

/// <summary>
/// Reads a tokenizer.json of Hugging Face's tokenizers (https://github.com/huggingface/tokenizers), version 1.0. What is in it and
/// not supported is refused by name, for ignoring it would give other ids.
/// </summary>
internal static class TokenizerJson
{
    /// <exception cref="InvalidDataException">It is not valid, or needs something that is not supported.</exception>
    public static TokenizerPipeline Read(JsonElement root)
    {
        var members = new JsonMembers(root, TokenizerFiles.TokenizerName);
        if (members.OptionalString("version") is { } version && version != "1.0")
            throw members.Bad($"has the version {Quoted.Text(version)}; expected '1.0'");
        // These two are about batches.
        members.Ignore("truncation", "padding");

        List<AddedToken> added = members.Optional("added_tokens") is { } tokens
            ? ReadAddedTokens(tokens, $"{members.Path}.added_tokens")
            : [];
        var controls = added.Where(token => token.IsSpecial).Select(token => token.Id).ToHashSet();

        TextNormalizer? normalizer = members.Optional("normalizer") is { } n ? NormalizerJson.Read(n, $"{members.Path}.normalizer") : null;
        var (preTokenizer, byteLevel) = members.Optional("pre_tokenizer") is { } p
            ? PreTokenizerJson.Read(p, $"{members.Path}.pre_tokenizer")
            : (null, false);
        TokenModel model = ModelJson.Read(members.Required("model"), $"{members.Path}.model", byteLevel, controls);
        var (before, after) = members.Optional("post_processor") is { } f
            ? PostProcessorJson.Read(f, $"{members.Path}.post_processor")
            : ([], []);
        DecoderSettings decoder = members.Optional("decoder") is { } d
            ? DecoderJson.Read(d, $"{members.Path}.decoder")
            : new DecoderSettings { Steps = [new SpaceBetweenStep()] };
        members.Close();
        return new TokenizerPipeline(normalizer, preTokenizer, model, added, before, after, decoder);
    }

    private static List<AddedToken> ReadAddedTokens(JsonElement array, string path)
    {
        List<AddedToken> tokens = [];
        foreach (JsonElement element in JsonMembers.ArrayOf(array, path))
        {
            var members = new JsonMembers(element, $"{path}[{tokens.Count}]");
            tokens.Add(ReadAddedToken(members, members.Int("id")));
        }

        return tokens;
    }

    public static AddedToken ReadAddedToken(JsonMembers members, int id)
    {
        bool special = members.Bool("special", missing: false);
        var token = new AddedToken(
            id, members.String("content"), special,
            members.Bool("normalized", missing: !special), members.Bool("single_word", missing: false),
            members.Bool("lstrip", missing: false), members.Bool("rstrip", missing: false));
        members.Close();
        return token;
    }
}
