using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Text.Encoders.Pretrained;

/// <summary>The <c>config.json</c> of an encoder as transformers writes it, and the architecture that it describes.</summary>
/// <param name="ModelType">bert, roberta, xlm-roberta, distilbert or modernbert.</param>
/// <param name="Architecture">The network, without a pooler.</param>
internal sealed record EncoderConfig(string ModelType, EncoderArchitecture Architecture)
{
    public const string FileName = "config.json";

    private const string Bert = "bert";
    private const string Roberta = "roberta";
    private const string XlmRoberta = "xlm-roberta";
    private const string DistilBert = "distilbert";
    private const string ModernBert = "modernbert";

    /// <summary>What <c>model_type</c> may be.</summary>
    public static readonly string[] ModelTypes = [Bert, Roberta, XlmRoberta, DistilBert];

    // RoBERTa's positions begin behind that of the padding.
    private const int RobertaPadding = 1;

    private static readonly Dictionary<string, FeedForwardKind> _activations = new()
    {
        ["gelu"] = FeedForwardKind.Gelu,
        ["gelu_python"] = FeedForwardKind.Gelu,
        ["gelu_new"] = FeedForwardKind.GeluTanh,
        ["gelu_pytorch_tanh"] = FeedForwardKind.GeluTanh,
        ["gelu_fast"] = FeedForwardKind.GeluTanh,
        ["relu"] = FeedForwardKind.Relu,
    };

    private static readonly Dictionary<string, FeedForwardKind> _gates = new()
    {
        ["gelu"] = FeedForwardKind.GeGlu,
        ["silu"] = FeedForwardKind.SwiGlu,
    };

    /// <summary>What the head of a classifier makes of hidden states.</summary>
    public ClassifierConfig Classifier { get; init; } = ClassifierConfig.Default;

    public bool IsRoberta => ModelType is Roberta or XlmRoberta;

    public bool IsDistilBert => ModelType == DistilBert;

    public bool IsModernBert => ModelType == ModernBert;

    /// <summary>Tokens between two texts.</summary>
    public int Separators => IsRoberta ? 2 : 1;

    /// <exception cref="InvalidDataException">
    /// It is damaged, of another kind of model, or asks for what this library does not have; the message names it.
    /// </exception>
    public static EncoderConfig Read(string path) => ConfigReader.ReadFile(path, Read);

    /// <summary>How transformers would call an architecture.</summary>
    /// <exception cref="NotSupportedException">None of its models has such a network; the message says what is in the way.</exception>
    public static EncoderConfig Of(EncoderArchitecture a) => Find(a, out string? obstacle) ?? throw new NotSupportedException(
        $"bert, roberta and distilbert of transformers have no {obstacle}, and modernbert has another form: save the model with "
        + "mlContext.Model.Save instead.");

    /// <summary>How transformers would call an architecture, or <see langword="null"/>: none of its models has it.</summary>
    /// <param name="a">The architecture.</param>
    /// <param name="obstacle">What is in the way, if something is.</param>
    public static EncoderConfig? Find(EncoderArchitecture a, out string? obstacle)
    {
        obstacle = null;
        if (IsModern(a))
            return new EncoderConfig(ModernBert, a);
        obstacle = a switch
        {
            { Positions: not PositionEncoding.Learned } => "rotary positions",
            { IsPreNorm: true } => "normalization before layers",
            { HasBias: false } => "layers without biases",
            { LocalAttention: not null } => "local attention",
            _ when !_activations.ContainsValue(a.FeedForward) => a.FeedForward.ToString(),
            { FirstPosition: not 0 and not (RobertaPadding + 1) } => $"a first position of {a.FirstPosition}",
            { SegmentCount: 0, FirstPosition: not 0 } => "RoBERTa's positions without segments",
            { SegmentCount: 0, HasPooler: true } => "a pooler without segments",
            { SegmentCount: 0, NormEpsilon: not 1e-12 } => $"an epsilon of {a.NormEpsilon} without segments",
            _ => null,
        };
        return obstacle is null
            ? new EncoderConfig(a.SegmentCount == 0 ? DistilBert : a.FirstPosition > 0 ? Roberta : Bert, a)
            : null;
    }

    /// <summary>The file's content.</summary>
    /// <param name="architectures">The class of transformers: what follows the kind's name, such as Model.</param>
    /// <param name="tokenizer">The tokenizer.</param>
    public JsonObject ToJson(string architectures, GenerativeTokenizer tokenizer)
    {
        if (IsModernBert)
            return ToModernJson(architectures, tokenizer);
        string activation = _activations.First(known => known.Value == Architecture.FeedForward).Key;
        JsonObject json = IsDistilBert
            ? new()
            {
                ["dim"] = Architecture.EmbeddingSize,
                ["n_layers"] = Architecture.Layers,
                ["n_heads"] = Architecture.Heads,
                ["hidden_dim"] = Architecture.ActualFeedForwardSize,
                ["activation"] = activation,
                ["sinusoidal_pos_embds"] = false,
            }
            : new()
            {
                ["hidden_size"] = Architecture.EmbeddingSize,
                ["num_hidden_layers"] = Architecture.Layers,
                ["num_attention_heads"] = Architecture.Heads,
                ["intermediate_size"] = Architecture.ActualFeedForwardSize,
                ["hidden_act"] = activation,
                ["type_vocab_size"] = Architecture.SegmentCount,
                ["layer_norm_eps"] = Architecture.NormEpsilon,
            };
        json["architectures"] = new JsonArray((IsDistilBert ? "DistilBert" : IsRoberta ? "Roberta" : "Bert") + architectures);
        json["model_type"] = ModelType;
        json["vocab_size"] = Architecture.VocabularySize;
        json["max_position_embeddings"] = Architecture.PositionRows;
        json["pad_token_id"] = IsRoberta ? RobertaPadding : tokenizer.PaddingId ?? 0;
        json["torch_dtype"] = "float32";
        return json;
    }

    private static EncoderConfig Read(ConfigReader json)
    {
        string type = json.Text("model_type") ?? throw json.Bad("'model_type' is missing: this is no configuration of an encoder");
        EncoderArchitecture architecture = type switch
        {
            Bert => ReadBert(json, 30_522, 0),
            Roberta => ReadBert(json, 50_265, (json.Count("pad_token_id") ?? RobertaPadding) + 1),
            XlmRoberta => ReadBert(json, 30_522, (json.Count("pad_token_id") ?? RobertaPadding) + 1),
            DistilBert => new EncoderArchitecture
            {
                VocabularySize = json.Count("vocab_size") ?? 30_522,
                ContextLength = json.Count("max_position_embeddings") ?? 512,
                Layers = json.Count("n_layers") ?? 6,
                Heads = json.Count("n_heads") ?? 12,
                EmbeddingSize = json.Count("dim") ?? 768,
                FeedForwardSize = json.Count("hidden_dim") ?? 3072,
                FeedForward = json.Choose("activation", "gelu", _activations),
                SegmentCount = 0,
            },
            ModernBert => ReadModernBert(json),
            _ => throw json.Bad(
                $"'model_type' is {Quoted.Text(type)}; supported values: {Bert}, {Roberta}, {XlmRoberta}, {DistilBert}, {ModernBert}"),
        };
        json.Check(architecture.Validate);
        if (architecture.VocabularySize == 0)
            throw json.Bad("'vocab_size' is 0");
        return new EncoderConfig(type, architecture) { Classifier = ClassifierConfig.Read(json, type == ModernBert) };
    }

    private static EncoderArchitecture ReadBert(ConfigReader json, int vocabulary, int firstPosition)
    {
        json.Require("is_decoder", false);
        json.Require("add_cross_attention", false);
        if (json.Text("position_embedding_type") is { } positions and not "absolute")
            throw json.Bad($"'position_embedding_type' is {Quoted.Text(positions)}; supported values: absolute");
        int rows = json.Count("max_position_embeddings") ?? 512;
        if (rows <= firstPosition)
            throw json.Bad($"'max_position_embeddings' is {rows}; expected more than the {firstPosition} that are no token's");
        return new EncoderArchitecture
        {
            VocabularySize = json.Count("vocab_size") ?? vocabulary,
            ContextLength = rows - firstPosition,
            FirstPosition = firstPosition,
            Layers = json.Count("num_hidden_layers") ?? 12,
            Heads = json.Count("num_attention_heads") ?? 12,
            EmbeddingSize = json.Count("hidden_size") ?? 768,
            FeedForwardSize = json.Count("intermediate_size") ?? 3072,
            FeedForward = json.Choose("hidden_act", "gelu", _activations),
            SegmentCount = json.Count("type_vocab_size") ?? 2,
            NormEpsilon = json.Number("layer_norm_eps") ?? 1e-12,
        };
    }

    // Whether ModernBERT can have such a network.
    private static bool IsModern(EncoderArchitecture a) => a is
    {
        Positions: PositionEncoding.Rotary, IsPreNorm: true, HasFirstNorm: false, SegmentCount: 0, HasPooler: false,
    }
        && _gates.ContainsValue(a.FeedForward);

    private static EncoderArchitecture ReadModernBert(ConfigReader json)
    {
        json.Require("tie_word_embeddings", true);
        bool hasBias = json.Truth("norm_bias") ?? false;
        foreach (string name in (string[])["attention_bias", "mlp_bias", "classifier_bias"])
        {
            if ((json.Truth(name) ?? false) != hasBias)
                throw json.Bad($"'{name}' and 'norm_bias' are not the same, which is not supported");
        }

        if (json.Text("classifier_activation") is { } activation and not "gelu")
            throw json.Bad($"'classifier_activation' is {Quoted.Text(activation)}; supported values: gelu");

        int layers = json.Count("num_hidden_layers") ?? 22, local = json.Count("local_attention") ?? 128;
        int interval = json.Count("global_attn_every_n_layers") ?? 3;
        double rotary = RotaryBaseOf(json, "full_attention", "global_rope_theta") ?? 160_000;
        var architecture = new EncoderArchitecture
        {
            VocabularySize = json.Count("vocab_size") ?? 50_368,
            ContextLength = json.Count("max_position_embeddings") ?? 8192,
            Layers = layers,
            Heads = json.Count("num_attention_heads") ?? 12,
            EmbeddingSize = json.Count("hidden_size") ?? 768,
            FeedForwardSize = json.Count("intermediate_size") ?? 1152,
            FeedForward = json.Choose("hidden_activation", "gelu", _gates),
            Positions = PositionEncoding.Rotary,
            RotaryBase = rotary,
            LocalRotaryBase = RotaryBaseOf(json, "sliding_attention", "local_rope_theta")
                ?? (json.IsNull("local_rope_theta") ? rotary : 10_000),
            LocalAttention = local,
            GlobalAttentionInterval = interval,
            SegmentCount = 0,
            IsPreNorm = true,
            HasFirstNorm = false,
            NormEpsilon = json.Number("norm_eps") ?? 1e-5,
            HasBias = hasBias,
        };
        if (json.Texts("layer_types") is { } types
            && !types.SequenceEqual(Enumerable.Range(0, layers).Select(i => LayerType(architecture, i))))
        {
            throw json.Bad(
                $"'layer_types' is {json.RawOf("layer_types")}; supported: full_attention in the first of {interval} layers, as "
                + "'global_attn_every_n_layers' says, and sliding_attention in the others");
        }

        return architecture;
    }

    // Versions of transformers differ in where they write it.
    private static double? RotaryBaseOf(ConfigReader json, string layerType, string name)
    {
        if (json.Object("rope_parameters")?.Object(layerType) is not { } own)
            return json.Number(name);
        if (own.Text("rope_type") is { } type and not "default")
            throw json.Bad($"'rope_type' is {Quoted.Text(type)}; supported values: default");
        return own.Number("rope_theta") ?? json.Number(name);
    }

    private static string LayerType(EncoderArchitecture architecture, int layer) =>
        architecture.IsLocal(layer) ? "sliding_attention" : "full_attention";

    private JsonObject ToModernJson(string architectures, GenerativeTokenizer tokenizer)
    {
        EncoderArchitecture a = Architecture;
        // Without local attention, an interval of one.
        int interval = a.LocalAttention is null ? 1 : a.GlobalAttentionInterval;
        return new JsonObject
        {
            ["architectures"] = new JsonArray("ModernBert" + architectures),
            ["model_type"] = ModelType,
            ["vocab_size"] = a.VocabularySize,
            ["max_position_embeddings"] = a.ContextLength,
            ["hidden_size"] = a.EmbeddingSize,
            ["num_hidden_layers"] = a.Layers,
            ["num_attention_heads"] = a.Heads,
            ["intermediate_size"] = a.ActualFeedForwardSize,
            ["hidden_activation"] = _gates.First(known => known.Value == a.FeedForward).Key,
            ["norm_eps"] = a.NormEpsilon,
            ["norm_bias"] = a.HasBias,
            ["attention_bias"] = a.HasBias,
            ["mlp_bias"] = a.HasBias,
            ["classifier_bias"] = a.HasBias,
            ["classifier_pooling"] = Classifier.Pooling == EmbeddingPooling.Mean ? "mean" : "cls",
            ["local_attention"] = a.LocalAttention ?? 128,
            ["global_attn_every_n_layers"] = interval,
            ["global_rope_theta"] = a.RotaryBase,
            ["local_rope_theta"] = a.LocalRotaryBase ?? a.RotaryBase,
            ["layer_types"] = new JsonArray([.. Enumerable.Range(0, a.Layers).Select(i => (JsonNode)LayerType(a, i))]),
            ["rope_parameters"] = new JsonObject
            {
                ["full_attention"] = new JsonObject { ["rope_type"] = "default", ["rope_theta"] = a.RotaryBase },
                ["sliding_attention"] = new JsonObject { ["rope_type"] = "default", ["rope_theta"] = a.LocalRotaryBase ?? a.RotaryBase },
            },
            ["pad_token_id"] = tokenizer.PaddingId ?? 0,
            ["torch_dtype"] = "float32",
        };
    }
}
