namespace Microsoft.ML.Generative.Evaluation;

/// <summary>How well a language model predicts texts.</summary>
public sealed class LanguageModelMetrics
{
    internal LanguageModelMetrics(long documents, long tokens, long bytes, double negativeLogLikelihood, double accuracy)
    {
        (Documents, Tokens, Bytes) = (documents, tokens, bytes);
        (NegativeLogLikelihood, TokenAccuracy) = (negativeLogLikelihood, accuracy);
    }

    /// <summary>Rows evaluated.</summary>
    public long Documents { get; }

    /// <summary>Tokens predicted, the ends of the documents included where the tokenizer has a token for it.</summary>
    public long Tokens { get; }

    /// <summary>Bytes of the texts in UTF-8.</summary>
    public long Bytes { get; }

    /// <summary>The mean of −log p(token) in nats: lower is better. Only models with the same tokenizer can be compared by it.</summary>
    public double NegativeLogLikelihood { get; }

    /// <summary>
    /// exp of <see cref="NegativeLogLikelihood"/>: as uncertain as a choice among this number of equally probable tokens.
    /// </summary>
    public double Perplexity => Math.Exp(NegativeLogLikelihood);

    /// <summary>Bits that each byte of the texts takes if the model compresses them: lower is better, whatever the tokenizer.</summary>
    public double BitsPerByte => NegativeLogLikelihood * Tokens / Math.Log(2) / Bytes;

    /// <summary>The share of tokens that the model held to be the most probable, 0 to 1.</summary>
    public double TokenAccuracy { get; }
}
