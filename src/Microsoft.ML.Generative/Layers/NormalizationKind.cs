namespace Microsoft.ML.Generative;

/// <summary>How a language model normalizes what goes into a layer.</summary>
public enum NormalizationKind
{
    /// <summary>Mean 0, variance 1, then a learned gain and bias (Ba, Kiros, Hinton 2016).</summary>
    LayerNorm,

    /// <summary>Mean square 1, then a learned gain (Zhang, Sennrich 2019).</summary>
    RmsNorm,
}
