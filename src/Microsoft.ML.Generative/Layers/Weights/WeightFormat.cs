namespace Microsoft.ML.Generative;

/// <summary>How a model stores the weights of its linear layers.</summary>
public enum WeightFormat
{
    /// <summary>32-bit floats.</summary>
    Float32,

    /// <summary>8-bit integers with a scale for each output: a quarter of the bytes.</summary>
    Int8,

    /// <summary>
    /// 4-bit quantiles of the normal distribution with a scale for each block of 64, itself quantized (NF4; Dettmers et al. 2023): an
    /// eighth of the bytes.
    /// </summary>
    Nf4,
}
