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

    /// <summary>The tokens that end a text.</summary>
    public IReadOnlyList<int>? Ends { get; private init; }

    public bool IsGpt2 => ModelType == Gpt2;

    private const string Gpt2 = "gpt2";
    private const string Llama = "llama";
    private const string Mistral = "mistral";
    private const string Qwen2 = "qwen2";

    /// <exception cref="InvalidDataException">It is damaged, of another kind of model, or asks for what this library does not have; the message names it.</exception>
    public static HuggingFaceConfig Read(string path) => ConfigReader.ReadFile(path, Read);

    private static HuggingFaceConfig Read(ConfigReader json)
    {
        string type = json.Text("model_type") ?? throw json.Bad("'model_type' is missing: this is no configuration of a language model");
        LanguageModelArchitecture architecture = type switch
        {
            Gpt2 => ReadGpt2(json),
            Llama => ReadLlama(json, keyValueHeads: null, contextLength: 2048, slidingWindow: null),
            Mistral => ReadLlama(json, keyValueHeads: 8, contextLength: 131_072, slidingWindow: 4096),
            Qwen2 => ReadLlama(json, keyValueHeads: 32, contextLength: 32_768, slidingWindow: 4096),
            _ => throw json.Bad($"'model_type' is {Quoted.Text(type)}; supported values: {Gpt2}, {Llama}, {Mistral}, {Qwen2}"),
        };
        ModelFile.Check(architecture.Validate);
        if (architecture.VocabularySize == 0)
            throw json.Bad("'vocab_size' is 0");
        return new HuggingFaceConfig(type, architecture) { Ends = json.Counts(EndsName) };
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
                { FeedForward: FeedForwardKind.SwiGlu } => "SwiGlu",
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
            { SlidingWindow: not null, HasQueryKeyValueBias: true } => "biases and a sliding window",
            { HasBias: true, HasQueryKeyValueBias: false } => "biases, but none of queries, keys and values",
            _ => null,
        };
        if (obstacle is not null)
            throw Unknown(obstacle, "rotary positions");
        return new HuggingFaceConfig(a.SlidingWindow is not null ? Mistral : a.HasQueryKeyValueBias && !a.HasBias ? Qwen2 : Llama, a);

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
            ["architectures"] = new JsonArray(ModelType switch { Mistral => "MistralForCausalLM", Qwen2 => "Qwen2ForCausalLM", _ => "LlamaForCausalLM" }),
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
        if (ModelType == Llama)
            (json["attention_bias"], json["mlp_bias"]) = (Architecture.HasQueryKeyValueBias, Architecture.HasBias);
        return json;
    }

    private static LanguageModelArchitecture ReadGpt2(ConfigReader json)
    {
        json.Require("scale_attn_weights", true);
        json.Require("scale_attn_by_inverse_layer_idx", false);
        json.Require("add_cross_attention", false);
        return LanguageModelArchitecture.Gpt2 with
        {
            VocabularySize = json.Count("vocab_size") ?? 50_257,
            ContextLength = json.Count("n_positions") ?? json.Count("n_ctx") ?? 1024,
            Layers = json.Count("n_layer") ?? 12,
            Heads = json.Count("n_head") ?? 12,
            EmbeddingSize = json.Count("n_embd") ?? 768,
            FeedForwardSize = json.Count("n_inner"),
            FeedForward = json.Choose("activation_function", "gelu_new", new Dictionary<string, FeedForwardKind>
            {
                ["gelu_new"] = FeedForwardKind.GeluTanh,
                ["gelu_pytorch_tanh"] = FeedForwardKind.GeluTanh,
                ["gelu"] = FeedForwardKind.Gelu,
            }),
            NormEpsilon = json.Number("layer_norm_epsilon") ?? 1e-5,
            TieEmbeddings = json.Truth("tie_word_embeddings") ?? true,
        };
    }

    private static LanguageModelArchitecture ReadLlama(ConfigReader json, int? keyValueHeads, int contextLength, int? slidingWindow)
    {
        bool isQwen = json.Text("model_type") == Qwen2, isMistral = json.Text("model_type") == Mistral;
        int heads = json.Count("num_attention_heads") ?? 32;
        bool attentionBias = isQwen || (json.Truth("attention_bias") ?? false), hasBias = json.Truth("mlp_bias") ?? false;
        if (!isQwen && attentionBias != hasBias)
            throw json.Bad($"'attention_bias' is {(attentionBias ? "true" : "false")} and 'mlp_bias' {(hasBias ? "true" : "false")}: only both or none are known");
        if ((json.Number("partial_rotary_factor") ?? 1) != 1)
            throw json.Bad("'partial_rotary_factor' is known as 1 only");

        json.Choose("hidden_act", "silu", new Dictionary<string, FeedForwardKind> { ["silu"] = FeedForwardKind.SwiGlu });
        bool hasWindow = isMistral || (isQwen && json.Truth("use_sliding_window") == true);
        if (hasWindow && isQwen && json.Count("max_window_layers") is > 0 and var full)
            throw json.Bad($"'use_sliding_window' with 'max_window_layers' {full}: a window of some of the layers is not supported");
        int? window = hasWindow ? json.Has("sliding_window") ? json.Count("sliding_window") : slidingWindow : null;
        ConfigReader rope = json.Object("rope_parameters") ?? json;
        return LanguageModelArchitecture.Llama2 with
        {
            VocabularySize = json.Count("vocab_size") ?? 32_000,
            ContextLength = json.Count("max_position_embeddings") ?? contextLength,
            Layers = json.Count("num_hidden_layers") ?? 32,
            Heads = heads,
            KeyValueHeads = json.Count("num_key_value_heads") ?? keyValueHeads ?? heads,
            EmbeddingSize = json.Count("hidden_size") ?? 4096,
            HeadSize = json.Count("head_dim"),
            FeedForwardSize = json.Count("intermediate_size") ?? 11_008,
            RotaryBase = rope.Number("rope_theta") ?? json.Number("rope_theta") ?? 10_000,
            RotaryScaling = ReadScaling(json.Object("rope_parameters") ?? json.Object("rope_scaling")),
            NormEpsilon = json.Number("rms_norm_eps") ?? 1e-6,
            TieEmbeddings = json.Truth("tie_word_embeddings") ?? false,
            HasQueryKeyValueBias = attentionBias,
            HasBias = hasBias,
            SlidingWindow = window,
        };
    }

    private static RotaryScaling? ReadScaling(ConfigReader? json)
    {
        if (json is null)
            return null;
        string type = json.Text("rope_type") ?? json.Text("type") ?? "default";
        return type switch
        {
            "default" => null,
            "linear" => new RotaryScaling(RotaryScalingKind.Linear, Needed("factor")),
            "llama3" => new RotaryScaling(
                RotaryScalingKind.Llama3, Needed("factor"), Needed("low_freq_factor"), Needed("high_freq_factor"),
                json.Count("original_max_position_embeddings") ?? throw json.Bad("'original_max_position_embeddings' of 'llama3' is missing")),
            _ => throw json.Bad($"'rope_type' is {Quoted.Text(type)}; supported values: default, linear, llama3"),
        };

        double Needed(string name) => json.Number(name) ?? throw json.Bad($"'{name}' of '{type}' is missing");
    }
}
