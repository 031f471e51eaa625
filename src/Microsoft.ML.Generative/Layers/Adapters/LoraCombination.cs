namespace Microsoft.ML.Generative;

/// <summary>How several low-rank adapters become one.</summary>
public enum LoraCombination
{
    /// <summary>
    /// Weighted sums of the matrices A and of the matrices B. Exact for one adapter; for several, their products with each other come
    /// in as well.
    /// The adapters need the same rank.
    /// </summary>
    Linear,

    /// <summary>The matrices one beside the other: exactly the weighted sum of the changes, with the sum of the ranks.</summary>
    Concatenation,

    /// <summary>
    /// The closest change of the largest of the ranks to the weighted sum of the changes, by singular value decomposition.
    /// </summary>
    Svd,
}
