using Microsoft.ML.Generative.Layers;

namespace Microsoft.ML.Generative.Text.Encoders.Pretrained;

/// <summary>The names that transformers has for the modules of a kind of encoder; those of a block behind the block's own.</summary>
internal sealed record EncoderNames
{
    /// <summary>The layer of BERT's pooled output.</summary>
    public const string Pooler = "pooler.dense";

    private const string LayerNorm = "LayerNorm";

    private static EncoderNames Bert { get; } = new()
    {
        Prefix = "bert.",
        Tokens = "embeddings.word_embeddings",
        EmbeddingNorm = $"embeddings.{LayerNorm}",
        Blocks = "encoder.layer",
        Parts = new()
        {
            [LayerPart.Query] = "attention.self.query",
            [LayerPart.Key] = "attention.self.key",
            [LayerPart.Value] = "attention.self.value",
        },
        AttentionOut = "attention.output.dense",
        AttentionNorm = $"attention.output.{LayerNorm}",
        FeedForwardIn = "intermediate.dense",
        FeedForwardOut = "output.dense",
        FeedForwardNorm = $"output.{LayerNorm}",
    };

    private static EncoderNames Roberta { get; } = Bert with { Prefix = "roberta." };

    private static EncoderNames DistilBert { get; } = Bert with
    {
        Prefix = "distilbert.",
        Blocks = "transformer.layer",
        Parts = new()
        {
            [LayerPart.Query] = "attention.q_lin",
            [LayerPart.Key] = "attention.k_lin",
            [LayerPart.Value] = "attention.v_lin",
        },
        AttentionOut = "attention.out_lin",
        AttentionNorm = "sa_layer_norm",
        FeedForwardIn = "ffn.lin1",
        FeedForwardOut = "ffn.lin2",
        FeedForwardNorm = "output_layer_norm",
    };

    private static EncoderNames ModernBert { get; } = new()
    {
        Prefix = "model.",
        Tokens = "embeddings.tok_embeddings",
        EmbeddingNorm = "embeddings.norm",
        Blocks = "layers",
        QueryKeyValue = "attn.Wqkv",
        AttentionOut = "attn.Wo",
        AttentionNorm = "attn_norm",
        FeedForwardIn = "mlp.Wi",
        FeedForwardOut = "mlp.Wo",
        FeedForwardNorm = "mlp_norm",
        Norm = "final_norm",
    };

    /// <summary>What stands before all names in models that have a head.</summary>
    public required string Prefix { get; init; }

    public required string Tokens { get; init; }

    public required string EmbeddingNorm { get; init; }

    /// <summary>The list of blocks.</summary>
    public required string Blocks { get; init; }

    /// <summary>Queries, keys and values; empty: they are one module.</summary>
    public Dictionary<string, string> Parts { get; init; } = [];

    /// <summary>The one module of queries, keys and values.</summary>
    public string? QueryKeyValue { get; init; }

    public required string AttentionOut { get; init; }

    public required string AttentionNorm { get; init; }

    public required string FeedForwardIn { get; init; }

    public required string FeedForwardOut { get; init; }

    public required string FeedForwardNorm { get; init; }

    /// <summary>The normalization behind the last block; <see langword="null"/>: there is none.</summary>
    public string? Norm { get; init; }

    public static EncoderNames Of(EncoderConfig config) => config switch
    {
        { IsModernBert: true } => ModernBert,
        { IsDistilBert: true } => DistilBert,
        { IsRoberta: true } => Roberta,
        _ => Bert,
    };

    /// <summary>The names in the kind of encoder that has an architecture; where transformers has none, those of BERT.</summary>
    public static EncoderNames Of(EncoderArchitecture architecture) =>
        EncoderConfig.Find(architecture, out _) is { } config ? Of(config) : Bert;
}
