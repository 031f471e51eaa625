namespace Microsoft.ML.Generative.Evaluation;

/// <summary>The size and the quality of a language model with its weights in a format.</summary>
public sealed class WeightFormatMetrics
{
    internal WeightFormatMetrics(WeightFormat format, long weightBytes, LanguageModelMetrics metrics) =>
        (Format, WeightBytes, Metrics) = (format, weightBytes, metrics);

    /// <summary>The format.</summary>
    public WeightFormat Format { get; }

    /// <summary>Bytes of all weights, in memory and in the model file.</summary>
    public long WeightBytes { get; }

    /// <summary>How well the model predicts the texts: perplexity and more.</summary>
    public LanguageModelMetrics Metrics { get; }
}
