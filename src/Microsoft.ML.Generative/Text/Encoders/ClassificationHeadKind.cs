namespace Microsoft.ML.Generative.Text.Encoders;

/// <summary>What a <see cref="ClassificationHead"/> has between its two layers.</summary>
internal enum ClassificationHeadKind
{
    /// <summary>A hyperbolic tangent, as in BERT and RoBERTa.</summary>
    Tanh,

    /// <summary>max(x, 0), as in DistilBERT.</summary>
    Relu,

    /// <summary>GELU and a normalization, as in ModernBERT.</summary>
    NormalizedGelu,
}
