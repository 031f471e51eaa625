namespace Microsoft.ML.Generative;

/// <summary>
/// An estimate of KL(π ‖ π_ref) from one token, where r is log π − log π_ref (Schulman, "Approximating KL divergence", 2020).
/// </summary>
public enum KlEstimator
{
    /// <summary>r: unbiased, of high variance, negative for some tokens. Its gradient is 0 in the mean.</summary>
    K1,

    /// <summary>r² / 2: biased, of low variance.</summary>
    K2,

    /// <summary>exp(−r) − 1 + r: unbiased, of low variance, never negative.</summary>
    K3,
}
