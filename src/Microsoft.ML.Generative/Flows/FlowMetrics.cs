namespace Microsoft.ML.Generative.Evaluation;

/// <summary>How well a normalizing flow models data.</summary>
public sealed class FlowMetrics
{
    internal FlowMetrics(long rows, double negativeLogLikelihood, double standardError)
    {
        Rows = rows;
        NegativeLogLikelihood = negativeLogLikelihood;
        StandardError = standardError;
    }

    /// <summary>Rows evaluated.</summary>
    public long Rows { get; }

    /// <summary>
    /// −log p(x) in nats, averaged over the rows: lower is better, and no model's is below the entropy of the data's distribution. Of
    /// bytes an upper bound, on average over the noise within their levels.
    /// </summary>
    public double NegativeLogLikelihood { get; }

    /// <summary>
    /// The standard error of <see cref="NegativeLogLikelihood"/> as an estimate from these rows; <see cref="double.NaN"/> for one row.
    /// </summary>
    public double StandardError { get; }

    /// <summary>
    /// <see cref="NegativeLogLikelihood"/> in bits per value, as the literature compares models of images; <see langword="null"/> where
    /// the model is not of bytes.
    /// </summary>
    public double? BitsPerDimension { get; internal init; }
}
