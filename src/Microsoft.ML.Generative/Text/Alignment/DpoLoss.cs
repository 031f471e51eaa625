namespace Microsoft.ML.Generative;

/// <summary>What is minimized of the margin z by which a policy prefers the better text more than its reference does.</summary>
public enum DpoLoss
{
    /// <summary>−log σ(βz) (Rafailov et al. 2023).</summary>
    Sigmoid,

    /// <summary>max(0, 1 − βz) (Zhao et al. 2023, SLiC).</summary>
    Hinge,

    /// <summary>(z − 1/(2β))², with z of the mean over tokens (Azar et al. 2023): it does not grow for ever where labels agree.</summary>
    Ipo,

    /// <summary>
    /// The sigmoid loss, unbiased where a known share of the preferences is turned round (Chowdhury et
    /// al. 2024).
    /// </summary>
    Robust,
}
