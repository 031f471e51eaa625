namespace Microsoft.ML.Generative;

/// <summary>How a GGUF file stores matrices; vectors are 32-bit floats in all.</summary>
public enum GgufType
{
    /// <summary>32-bit floats.</summary>
    Float32,

    /// <summary>16-bit floats.</summary>
    Float16,

    /// <summary>8-bit integers with a scale for each block of 32, as <see cref="WeightFormat.Q8_0"/>.</summary>
    Q8_0,

    /// <summary>
    /// 4-bit integers with a scale for each block of 32, as <see cref="WeightFormat.Q4_0"/>; the token embedding and the output layer as
    /// <see cref="Q8_0"/>.
    /// </summary>
    Q4_0,

    /// <summary>16-bit floats with the exponents of 32-bit ones, as <see cref="WeightFormat.BFloat16"/>.</summary>
    BFloat16,
}
