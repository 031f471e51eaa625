using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Onnx.Graph;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Tokenization;

namespace Microsoft.ML.Generative.Onnx.Models;

/// <summary>Language models as folders that onnxruntime-genai reads: the network, its configuration, and the tokenizer.</summary>
internal static class GenAiFolder
{
    public const string ModelName = "model.onnx";
    public const string ConfigName = "genai_config.json";

    // The kind of model whose inputs are LanguageModelGraph's, whatever the blocks are made of.
    private const string Kind = "llama";

    public static void Write(string path, LanguageModelTransformer model)
    {
        IReadOnlyDictionary<string, byte[]> tokenizer = TokenizerFiles.Save(
            model.Codec.Tokenizer, model.Definition.Defaults.ChatTemplate?.Source);
        OnnxGraph graph = LanguageModelGraph.Of(model.Network);
        HuggingFaceFolder folder = HuggingFaceFolder.Create(path, "onnxruntime-genai");
        OnnxModelFile.Write(folder.PathOf(ModelName), graph);
        foreach ((string name, byte[] bytes) in tokenizer)
            folder.WriteFile(name, bytes);
        folder.WriteJson(ConfigName, Config(model.Network.Shape, model.Codec, model.Generator.Defaults));
    }

    private static JsonObject Config(DecoderShape shape, TextCodec codec, TextGenerationOptions generation) => new()
    {
        ["model"] = new JsonObject
        {
            ["type"] = Kind,
            ["bos_token_id"] = codec.Special.Bos ?? codec.End ?? 0,
            ["eos_token_id"] = new JsonArray([.. codec.Ends.Select(end => (JsonNode)end)]),
            ["pad_token_id"] = codec.Ends.FirstOrDefault(),
            ["vocab_size"] = shape.VocabularySize,
            ["context_length"] = shape.ContextLength,
            ["decoder"] = new JsonObject
            {
                ["filename"] = ModelName,
                ["session_options"] = new JsonObject { ["provider_options"] = new JsonArray() },
                ["head_size"] = shape.Block.HeadSize,
                ["hidden_size"] = shape.Block.EmbeddingSize,
                ["num_attention_heads"] = shape.Block.Heads,
                ["num_key_value_heads"] = shape.Block.KeyValueHeads,
                ["num_hidden_layers"] = shape.Layers,
                ["inputs"] = new JsonObject
                {
                    ["input_ids"] = LanguageModelGraph.TokensName,
                    ["attention_mask"] = LanguageModelGraph.MaskName,
                    ["position_ids"] = LanguageModelGraph.PositionsName,
                    ["past_key_names"] = LanguageModelGraph.Past("%d", "key"),
                    ["past_value_names"] = LanguageModelGraph.Past("%d", "value"),
                },
                ["outputs"] = new JsonObject
                {
                    ["logits"] = LanguageModelGraph.LogitsName,
                    ["present_key_names"] = LanguageModelGraph.Present("%d", "key"),
                    ["present_value_names"] = LanguageModelGraph.Present("%d", "value"),
                },
            },
        },
        ["search"] = new JsonObject
        {
            ["do_sample"] = generation.Temperature > 0,
            ["temperature"] = generation.Temperature > 0 ? generation.Temperature : 1,
            ["top_k"] = generation.TopK ?? (generation.Temperature > 0 ? 0 : 1),
            ["top_p"] = generation.TopP,
            ["repetition_penalty"] = generation.RepetitionPenalty,
            ["max_length"] = shape.ContextLength,
            ["num_beams"] = 1,
            ["num_return_sequences"] = 1,
            ["past_present_share_buffer"] = false,
        },
    };
}
