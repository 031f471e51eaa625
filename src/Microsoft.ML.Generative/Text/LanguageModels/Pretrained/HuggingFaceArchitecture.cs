using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Text.LanguageModels.Pretrained;

/// <summary>
/// Reads the architecture out of a <c>config.json</c>. A key that is missing has the default of transformers' configuration class
/// (version 5); one that is null often means something else.
/// </summary>
internal static class HuggingFaceArchitecture
{
    private const double DefaultRotaryBase = 10_000;

    private static readonly Dictionary<string, FeedForwardKind> _gelus = new()
    {
        ["gelu_new"] = FeedForwardKind.GeluTanh,
        ["gelu_pytorch_tanh"] = FeedForwardKind.GeluTanh,
        ["gelu_python_tanh"] = FeedForwardKind.GeluTanh,
        ["gelu_fast"] = FeedForwardKind.GeluTanh,
        ["gelu_accurate"] = FeedForwardKind.GeluTanh,
        ["gelu"] = FeedForwardKind.Gelu,
        ["gelu_python"] = FeedForwardKind.Gelu,
    };

    private static readonly Dictionary<string, FeedForwardKind> _gates = new()
    {
        ["silu"] = FeedForwardKind.SwiGlu,
        ["swish"] = FeedForwardKind.SwiGlu,
    };

    private static readonly ClassDefaults _llama = new() { VocabularySize = 32_000, FeedForwardSize = 11_008, ContextLength = 2048 };

    private static readonly ClassDefaults _mistral = new()
    {
        VocabularySize = 32_000,
        FeedForwardSize = 14_336,
        KeyValueHeads = 8,
        ContextLength = 131_072,
    };

    private static readonly ClassDefaults _qwen2 = new()
    {
        VocabularySize = 151_936,
        FeedForwardSize = 22_016,
        KeyValueHeads = 32,
        ContextLength = 32_768,
    };

    /// <summary>GPT-2 (<c>GPT2Config</c>).</summary>
    public static LanguageModelArchitecture Gpt2(ConfigReader json)
    {
        json.Require("scale_attn_weights", true);
        json.Require("scale_attn_by_inverse_layer_idx", false);
        json.Require("add_cross_attention", false);
        // The class takes the common names for its own, and they win where both are there.
        return LanguageModelArchitecture.Gpt2 with
        {
            VocabularySize = json.Count("vocab_size") ?? 50_257,
            ContextLength = json.Count("max_position_embeddings") ?? json.Count("n_positions") ?? 1024,
            Layers = json.Count("num_hidden_layers") ?? json.Count("n_layer") ?? 12,
            Heads = json.Count("num_attention_heads") ?? json.Count("n_head") ?? 12,
            EmbeddingSize = json.Count("hidden_size") ?? json.Count("n_embd") ?? 768,
            FeedForwardSize = json.Count("n_inner"),
            FeedForward = json.Choose("activation_function", "gelu_new", _gelus),
            NormEpsilon = json.Number("layer_norm_epsilon") ?? 1e-5,
            TieEmbeddings = json.Truth("tie_word_embeddings") ?? !json.IsNull("tie_word_embeddings"),
        };
    }

    /// <summary>Llama (<c>LlamaConfig</c>).</summary>
    public static LanguageModelArchitecture Llama(ConfigReader json)
    {
        bool attention = json.Truth("attention_bias") ?? false, feedForward = json.Truth("mlp_bias") ?? false;
        if (attention != feedForward)
        {
            throw json.Bad(
                $"'attention_bias' is {Text(attention)} and 'mlp_bias' {Text(feedForward)}: only both or none are supported");
        }

        return Read(json, _llama) with { HasQueryKeyValueBias = attention, HasBias = feedForward };

        static string Text(bool value) => value ? "true" : "false";
    }

    /// <summary>Mistral (<c>MistralConfig</c>).</summary>
    public static LanguageModelArchitecture Mistral(ConfigReader json) => Read(json, _mistral) with { SlidingWindow = WindowLength(json) };

    /// <summary>Qwen2 (<c>Qwen2Config</c>).</summary>
    public static LanguageModelArchitecture Qwen2(ConfigReader json)
    {
        LanguageModelArchitecture architecture = Read(json, _qwen2) with { HasQueryKeyValueBias = true };
        if (json.Truth("use_sliding_window") != true || WindowLength(json) is not { } window || window >= architecture.ContextLength)
            return architecture;

        int layers = architecture.Layers, windows;
        string stated;
        if (json.Texts("layer_types") is { } types)
        {
            windows = types.Count(type => type == "sliding_attention");
            stated = "'layer_types' gives";
            if (types.Length != layers || types.FirstOrDefault(type => type is not ("sliding_attention" or "full_attention")) is not null)
            {
                throw json.Bad(
                    $"'layer_types' is [{string.Join(", ", types.Select(type => Quoted.Text(type)))}]; expected sliding_attention or "
                    + $"full_attention for each of {layers} layers");
            }
        }
        else
        {
            int full = json.Count("max_window_layers") ?? 28;
            windows = Math.Max(0, layers - full);
            stated = $"'max_window_layers' {full} gives";
        }

        if (windows > 0 && windows < layers)
        {
            throw json.Bad(
                $"'use_sliding_window' is true, and {stated} {windows} of {layers} layers a window: only all or none are supported");
        }

        return windows == 0 ? architecture : architecture with { SlidingWindow = window };
    }

    // Null is no window.
    private static int? WindowLength(ConfigReader json) => json.Has("sliding_window") ? json.Count("sliding_window") : 4096;

    // What the three have in common.
    private static LanguageModelArchitecture Read(ConfigReader json, ClassDefaults defaults)
    {
        json.Choose("hidden_act", "silu", _gates);
        int heads = json.Count("num_attention_heads") ?? 32, context = json.Count("max_position_embeddings") ?? defaults.ContextLength;
        ConfigReader? rotary = Rotary(json);
        return LanguageModelArchitecture.Llama2 with
        {
            VocabularySize = json.Count("vocab_size") ?? defaults.VocabularySize,
            ContextLength = context,
            Layers = json.Count("num_hidden_layers") ?? 32,
            Heads = heads,
            KeyValueHeads = json.Count("num_key_value_heads")
                ?? (json.IsNull("num_key_value_heads") ? null : defaults.KeyValueHeads) ?? heads,
            EmbeddingSize = json.Count("hidden_size") ?? 4096,
            HeadSize = json.Count("head_dim"),
            FeedForwardSize = json.Count("intermediate_size") ?? defaults.FeedForwardSize,
            RotaryBase = rotary?.Number("rope_theta") ?? json.Number("rope_theta") ?? DefaultRotaryBase,
            RotaryScaling = rotary is null ? null : ReadScaling(rotary, json.Count("original_max_position_embeddings"), context),
            NormEpsilon = json.Number("rms_norm_eps") ?? 1e-6,
            TieEmbeddings = json.Truth("tie_word_embeddings") ?? false,
        };
    }

    // Under its old name it wins, unless it is empty.
    private static ConfigReader? Rotary(ConfigReader json)
    {
        ConfigReader? rotary = json.Object("rope_scaling") is { } old && old.Names.Any() ? old : json.Object("rope_parameters");
        if ((rotary?.Number("partial_rotary_factor") ?? json.Number("partial_rotary_factor") ?? 1) != 1)
            throw json.Bad("'partial_rotary_factor' is supported as 1 only");
        if (rotary?.Names.FirstOrDefault(name => name is "full_attention" or "sliding_attention") is { } layers)
            throw json.Bad($"'rope_parameters' differ between layers ({Quoted.Text(layers)}), which is not supported");
        return rotary;
    }

    private static RotaryScaling? ReadScaling(ConfigReader json, int? original, int context)
    {
        string type = json.Text("rope_type") ?? json.Text("type") ?? "default";
        return type switch
        {
            "default" => null,
            "linear" => new RotaryScaling(RotaryScalingKind.Linear, Needed("factor")),
            "llama3" => new RotaryScaling(
                RotaryScalingKind.Llama3, Needed("factor"), Needed("low_freq_factor"), Needed("high_freq_factor"),
                original ?? json.Count("original_max_position_embeddings") ?? context),
            _ => throw json.Bad($"'rope_type' is {Quoted.Text(type)}; supported values: default, linear, llama3"),
        };

        double Needed(string name) => json.Number(name) ?? throw json.Bad($"'{name}' of '{type}' is missing");
    }

    /// <summary>The defaults in which the configuration classes differ.</summary>
    private sealed record ClassDefaults
    {
        public required int VocabularySize { get; init; }

        public required int FeedForwardSize { get; init; }

        /// <summary><see langword="null"/>: as many as there are attention heads.</summary>
        public int? KeyValueHeads { get; init; }

        public required int ContextLength { get; init; }
    }
}
