using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Codec;

namespace Microsoft.ML.Generative.Text.LanguageModels.Pretrained;

/// <summary>The <c>config.json</c> of a language model as transformers writes it, and the architecture that it describes.</summary>
/// <param name="ModelType">gpt2, llama, mistral or qwen2.</param>
/// <param name="Architecture">The network.</param>
internal sealed record HuggingFaceConfig(string ModelType, LanguageModelArchitecture Architecture)
{
    public const string FileName = "config.json";
    public const string EndsName = "eos_token_id";

    /// <summary>The tokens that end a text, those of transformers' configuration class where the file has none.</summary>
    public IReadOnlyList<int> Ends { get; private init; } = [];

    public bool IsGpt2 => ModelType == Gpt2;

    private const string Gpt2 = "gpt2";
    private const string Llama = "llama";
    private const string Mistral = "mistral";
    private const string Qwen2 = "qwen2";

    /// <exception cref="InvalidDataException">
    /// It is damaged, of another kind of model, or asks for what this library does not have; the message names it.
    /// </exception>
    public static HuggingFaceConfig Read(string path) => ConfigReader.ReadFile(path, Read);

    private static HuggingFaceConfig Read(ConfigReader json)
    {
        string type = json.Text("model_type") ?? throw json.Bad("'model_type' is missing: this is no configuration of a language model");
        (LanguageModelArchitecture architecture, int? end) = type switch
        {
            Gpt2 => (HuggingFaceArchitecture.Gpt2(json), 50_256),
            Llama => (HuggingFaceArchitecture.Llama(json), 2),
            Mistral => (HuggingFaceArchitecture.Mistral(json), 2),
            Qwen2 => (HuggingFaceArchitecture.Qwen2(json), (int?)null),
            _ => throw json.Bad($"'model_type' is {Quoted.Text(type)}; supported values: {Gpt2}, {Llama}, {Mistral}, {Qwen2}"),
        };
        json.Check(architecture.Validate);
        if (architecture.VocabularySize == 0)
            throw json.Bad("'vocab_size' is 0");
        return new HuggingFaceConfig(type, architecture)
        {
            Ends = json.Has(EndsName)
                ? json.Counts(EndsName) ?? []
                : end is { } token && token < architecture.VocabularySize ? [token] : [],
        };
    }

    /// <summary>How transformers would call an architecture.</summary>
    /// <exception cref="NotSupportedException">None of its models has such a network; the message says what is in the way.</exception>
    public static HuggingFaceConfig Of(LanguageModelArchitecture a)
    {
        string? obstacle;
        if (a.Positions == PositionEncoding.Learned)
        {
            obstacle = a switch
            {
                { Normalization: NormalizationKind.RmsNorm } => "RmsNorm",
                { FeedForward: not (FeedForwardKind.Gelu or FeedForwardKind.GeluTanh) } => a.FeedForward.ToString(),
                _ when a.ActualKeyValueHeads != a.Heads => "grouped keys and values",
                _ when a.Heads * a.ActualHeadSize != a.EmbeddingSize => "heads of another size",
                { SlidingWindow: not null } => "a sliding window",
                _ => null,
            };
            return obstacle is null ? new HuggingFaceConfig(Gpt2, a) : throw Unknown(obstacle, "learned positions");
        }

        obstacle = a switch
        {
            { Normalization: NormalizationKind.LayerNorm } => "LayerNorm",
            { FeedForward: not FeedForwardKind.SwiGlu } => a.FeedForward.ToString(),
            { SlidingWindow: not null, HasBias: true } => "biases of all layers and a sliding window",
            { HasBias: true, HasQueryKeyValueBias: false } => "biases, but none of queries, keys and values",
            _ => null,
        };
        if (obstacle is not null)
            throw Unknown(obstacle, "rotary positions");
        return new HuggingFaceConfig(a.HasQueryKeyValueBias && !a.HasBias ? Qwen2 : a.SlidingWindow is not null ? Mistral : Llama, a);

        static NotSupportedException Unknown(string what, string with) =>
            new($"transformers has no language model of {what} with {with}: save the model with mlContext.Model.Save instead.");
    }

    /// <summary>The file's content.</summary>
    /// <param name="codec">The tokenizer.</param>
    public JsonObject ToJson(TextCodec codec)
    {
        JsonObject json = IsGpt2 ? Gpt2Json() : LlamaJson();
        json["model_type"] = ModelType;
        json["vocab_size"] = Architecture.VocabularySize;
        json["tie_word_embeddings"] = Architecture.TieEmbeddings;
        json["bos_token_id"] = codec.Special.Bos;
        json[EndsName] = EndsJson(codec);
        json["torch_dtype"] = "float32";
        return json;
    }

    /// <summary>The tokens that end a text, as the configurations have them: a number, or a list.</summary>
    public static JsonNode? EndsJson(TextCodec codec)
    {
        JsonNode[] ends = [.. codec.Ends.Select(end => (JsonNode)end)];
        return ends.Length > 1 ? new JsonArray(ends) : ends.FirstOrDefault();
    }

    private JsonObject Gpt2Json() => new()
    {
        ["architectures"] = new JsonArray("GPT2LMHeadModel"),
        ["n_layer"] = Architecture.Layers,
        ["n_head"] = Architecture.Heads,
        ["n_embd"] = Architecture.EmbeddingSize,
        ["n_inner"] = Architecture.ActualFeedForwardSize,
        ["n_positions"] = Architecture.ContextLength,
        ["activation_function"] = Architecture.FeedForward == FeedForwardKind.Gelu ? "gelu" : "gelu_new",
        ["layer_norm_epsilon"] = Architecture.NormEpsilon,
    };

    private JsonObject LlamaJson()
    {
        var json = new JsonObject
        {
            ["architectures"] = new JsonArray(
                ModelType switch { Mistral => "MistralForCausalLM", Qwen2 => "Qwen2ForCausalLM", _ => "LlamaForCausalLM" }),
            ["num_hidden_layers"] = Architecture.Layers,
            ["num_attention_heads"] = Architecture.Heads,
            ["num_key_value_heads"] = Architecture.ActualKeyValueHeads,
            ["head_dim"] = Architecture.ActualHeadSize,
            ["hidden_size"] = Architecture.EmbeddingSize,
            ["intermediate_size"] = Architecture.ActualFeedForwardSize,
            ["max_position_embeddings"] = Architecture.ContextLength,
            ["hidden_act"] = "silu",
            ["rms_norm_eps"] = Architecture.NormEpsilon,
            ["rope_theta"] = Architecture.RotaryBase,
        };
        if (Architecture.RotaryScaling is { } scaling)
        {
            json["rope_scaling"] = scaling.Kind == RotaryScalingKind.Linear
                ? new JsonObject { ["rope_type"] = "linear", ["factor"] = scaling.Factor }
                : new JsonObject
                {
                    ["rope_type"] = "llama3",
                    ["factor"] = scaling.Factor,
                    ["low_freq_factor"] = scaling.LowFrequencyFactor,
                    ["high_freq_factor"] = scaling.HighFrequencyFactor,
                    ["original_max_position_embeddings"] = scaling.OriginalContextLength,
                };
        }

        if (ModelType == Mistral)
            json["sliding_window"] = Architecture.SlidingWindow;
        if (ModelType == Qwen2 && Architecture.SlidingWindow is { } window)
            (json["use_sliding_window"], json["sliding_window"], json["max_window_layers"]) = (true, window, 0);
        if (ModelType == Llama)
            (json["attention_bias"], json["mlp_bias"]) = (Architecture.HasQueryKeyValueBias, Architecture.HasBias);
        return json;
    }
}
