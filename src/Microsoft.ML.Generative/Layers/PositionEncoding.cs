namespace Microsoft.ML.Generative;

/// <summary>How a language model knows the order of its tokens.</summary>
public enum PositionEncoding
{
    /// <summary>A learned vector for each position is added to the token's (Radford et al. 2019).</summary>
    Learned,

    /// <summary>
    /// Queries and keys are rotated by their position (Su et al. 2021); value i is paired with value i + headSize / 2, as in transformers.
    /// </summary>
    Rotary,

    /// <summary>As <see cref="Rotary"/>, but neighbors 2i and 2i + 1 are paired, as in the paper and in llama2.c.</summary>
    RotaryInterleaved,
}
