namespace Microsoft.ML.Generative;

/// <summary>How a model stores its large weights.</summary>
public enum WeightFormat
{
    /// <summary>32-bit floats.</summary>
    Float32,

    /// <summary>8-bit integers with a scale for each output, of the linear layers in the blocks: a quarter of the bytes.</summary>
    Int8,

    /// <summary>
    /// 4-bit quantiles of the normal distribution with a scale for each block of 64, itself quantized (NF4; Dettmers et al. 2023), of the
    /// linear layers in the blocks: an eighth of the bytes.
    /// </summary>
    Nf4,

    /// <summary>
    /// 8-bit integers with a 16-bit scale for each block of 32, as in files of llama.cpp: 8.5 bits an element. The token embedding and the
    /// output layer have them too.
    /// </summary>
    Q8_0,

    /// <summary>
    /// 4-bit integers with a 16-bit scale for each block of 32, as in files of llama.cpp: 4.5 bits an element. The token embedding and the
    /// output layer, which need more, are stored as <see cref="Q8_0"/>.
    /// </summary>
    Q4_0,

    /// <summary>
    /// Several formats, as a file of llama.cpp had them: such a model can be loaded and saved, and quantized into the others.
    /// </summary>
    Mixed,

    /// <summary>
    /// 16-bit floats with the exponents of 32-bit ones (bfloat16): half of the bytes. The token embedding and the output layer have them
    /// too.
    /// </summary>
    BFloat16,
}
