using System.Text;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Tokenizers with the special tokens that a chat template needs.</summary>
internal static class SpecialTokens
{
    public static GenerativeTokenizer Add(GenerativeTokenizer tokenizer, params string[] tokens)
    {
        JsonNode json = JsonNode.Parse(tokenizer.Json.Span)!;
        int id = tokenizer.VocabularySize;
        foreach (string token in tokens)
        {
            json["added_tokens"]!.AsArray().Add(new JsonObject
            {
                ["id"] = id++,
                ["content"] = token,
                ["special"] = true,
                ["normalized"] = false,
                ["single_word"] = false,
                ["lstrip"] = false,
                ["rstrip"] = false,
            });
        }

        return TokenizerFiles.Create(Encoding.UTF8.GetBytes(json.ToJsonString()), tokenizer.Config);
    }
}
