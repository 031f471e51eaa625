namespace Microsoft.ML.Generative;

/// <summary>How the losses of tokens become the loss of a batch.</summary>
public enum LossReduction
{
    /// <summary>The mean over all tokens of a step (DAPO; Yu et al. 2025): each token counts alike.</summary>
    Dapo,

    /// <summary>The mean over completions of the mean over their tokens (GRPO; Shao et al. 2024): each completion counts alike.</summary>
    Grpo,

    /// <summary>The mean over the tokens of a batch, and of these over the batches of a step (BNPO).</summary>
    Bnpo,

    /// <summary>
    /// The sum over tokens divided by completions and the most tokens that one may have (Dr. GRPO; Liu et al. 2025): no length is favored.
    /// </summary>
    DrGrpo,
}
