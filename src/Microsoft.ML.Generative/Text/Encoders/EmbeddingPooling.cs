namespace Microsoft.ML.Generative;

/// <summary>How an encoder makes one vector of those of a text's tokens.</summary>
public enum EmbeddingPooling
{
    /// <summary>The mean over all tokens, those before and behind the text included (Reimers, Gurevych 2019).</summary>
    Mean,

    /// <summary>The vector of the first token, [CLS] of BERT.</summary>
    FirstToken,

    /// <summary>The maximum over all tokens, value by value.</summary>
    Max,

    /// <summary>BERT's pooled output: a layer and a hyperbolic tangent behind the first token. Only of networks that have it.</summary>
    Pooler,
}
