using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.LanguageModels.Pretrained;

namespace Microsoft.ML.Generative.Text.EncoderDecoders.Pretrained;

/// <summary>
/// The <c>config.json</c> of a T5 model as transformers writes it (<c>T5Config</c>, <c>MT5Config</c>). A key that is missing has the
/// default of these classes.
/// </summary>
/// <param name="Architecture">The network.</param>
/// <param name="StartToken">The token that begins outputs.</param>
internal sealed record T5Config(SequenceToSequenceArchitecture Architecture, int StartToken)
{
    public const string StartName = "decoder_start_token_id";
    public const string PadName = "pad_token_id";

    private const string T5 = "t5";
    private const string Mt5 = "mt5";

    /// <summary>What <c>model_type</c> may be.</summary>
    public static readonly string[] ModelTypes = [T5, Mt5];

    private static readonly Dictionary<string, FeedForwardKind> _feedForwards = new()
    {
        ["relu"] = FeedForwardKind.Relu,
        ["gated-gelu"] = FeedForwardKind.GeGluTanh,
        ["gated-gelu_new"] = FeedForwardKind.GeGluTanh,
        ["gated-silu"] = FeedForwardKind.SwiGlu,
        ["gelu"] = FeedForwardKind.Gelu,
        ["gelu_new"] = FeedForwardKind.GeluTanh,
    };

    /// <summary>The tokens that end a text.</summary>
    public IReadOnlyList<int> Ends { get; private init; } = [];

    /// <exception cref="InvalidDataException">
    /// It is damaged, of another kind of model, or asks for what this library does not have; the message names it.
    /// </exception>
    public static T5Config Read(ConfigReader json)
    {
        string type = json.Text("model_type") ?? throw json.Bad("'model_type' is missing: this is no configuration of an encoder–decoder");
        if (type is not (T5 or Mt5))
            throw json.Bad($"'model_type' is {Quoted.Text(type)}; supported values: {T5}, {Mt5}");
        json.Require("is_encoder_decoder", true);
        bool isMt5 = type == Mt5;
        int layers = json.Count("num_layers") ?? (isMt5 ? 8 : 6);
        var architecture = new SequenceToSequenceArchitecture
        {
            VocabularySize = json.Count("vocab_size") ?? (isMt5 ? 250_112 : 32_128),
            EmbeddingSize = json.Count("d_model") ?? 512,
            HeadSize = json.Count("d_kv") ?? 64,
            FeedForwardSize = json.Count("d_ff") ?? (isMt5 ? 1024 : 2048),
            Layers = layers,
            DecoderLayers = json.Count("num_decoder_layers") ?? layers,
            Heads = json.Count("num_heads") ?? (isMt5 ? 6 : 8),
            PositionBuckets = json.Count("relative_attention_num_buckets") ?? 32,
            MaxPositionDistance = json.Count("relative_attention_max_distance") ?? 128,
            NormEpsilon = json.Number("layer_norm_epsilon") ?? 1e-6,
            FeedForward = json.Choose("feed_forward_proj", isMt5 ? "gated-gelu" : "relu", _feedForwards),
            TieEmbeddings = json.Truth("tie_word_embeddings") ?? !isMt5,
        };
        json.Check(architecture.Validate);
        if (architecture.VocabularySize == 0)
            throw json.Bad("'vocab_size' is 0");
        int start = json.Count(StartName) ?? json.Count(PadName) ?? 0;
        if (start >= architecture.VocabularySize)
            throw json.Bad($"'{StartName}' is {start}, but 'vocab_size' {architecture.VocabularySize}");
        IReadOnlyList<int> ends = json.Has(HuggingFaceConfig.EndsName) ? json.Counts(HuggingFaceConfig.EndsName) ?? [] : [1];
        return new T5Config(architecture, start) { Ends = ends };
    }

    /// <summary>The file's content.</summary>
    public JsonObject ToJson(TextCodec codec)
    {
        SequenceToSequenceArchitecture a = Architecture;
        return new JsonObject
        {
            ["architectures"] = new JsonArray("T5ForConditionalGeneration"),
            ["model_type"] = T5,
            ["is_encoder_decoder"] = true,
            ["vocab_size"] = a.VocabularySize,
            ["d_model"] = a.EmbeddingSize,
            ["d_kv"] = a.ActualHeadSize,
            ["d_ff"] = a.ActualFeedForwardSize,
            ["num_layers"] = a.Layers,
            ["num_decoder_layers"] = a.ActualDecoderLayers,
            ["num_heads"] = a.Heads,
            ["relative_attention_num_buckets"] = a.PositionBuckets,
            ["relative_attention_max_distance"] = a.MaxPositionDistance,
            ["layer_norm_epsilon"] = a.NormEpsilon,
            ["feed_forward_proj"] = NameOf(a.FeedForward),
            ["tie_word_embeddings"] = a.TieEmbeddings,
            [StartName] = StartToken,
            [PadName] = codec.Special.Pad ?? StartToken,
            [HuggingFaceConfig.EndsName] = HuggingFaceConfig.EndsJson(codec),
            ["torch_dtype"] = "float32",
        };
    }

    // transformers' gated GELU is that of the hyperbolic tangent, and it knows no other.
    private static string NameOf(FeedForwardKind kind) => kind == FeedForwardKind.GeGlu
        ? throw new NotSupportedException(
            $"transformers has no T5 with {kind}: save the model with mlContext.Model.Save instead.")
        : _feedForwards.First(known => known.Value == kind).Key;
}
