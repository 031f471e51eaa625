namespace Microsoft.ML.Generative.Evaluation;

/// <summary>What <see cref="GenerativeCatalog.EvaluateDiffusion"/> finds.</summary>
/// <param name="Rows">Rows evaluated.</param>
/// <param name="Loss">
/// The mean squared error of what the network is asked for (the noise, the image or the velocity), over evenly spread times: what the training's validation loss
/// is without weights.
/// </param>
/// <param name="NoiseLoss">
/// The mean squared error of the noise ε, into which other predictions are converted, over evenly spread times; 1 is no better than nothing. Models of different
/// predictions can be compared by it. NaN for flow matching.
/// </param>
public sealed record DiffusionMetrics(long Rows, double Loss, double NoiseLoss)
{
    /// <summary><see cref="Loss"/> in each part of the time, from the image to noise.</summary>
    public required IReadOnlyList<double> LossByBand { get; init; }

    /// <summary><see cref="NoiseLoss"/> in each part of the time, from the image to noise; empty for flow matching.</summary>
    public required IReadOnlyList<double> NoiseLossByBand { get; init; }

    /// <summary>
    /// An upper bound of −log₂ p(image) for each of its values, in bits, where images have 256 levels (Ho et al. 2020, eq. 5 and 13); lower is better, 8 is no
    /// better than nothing. NaN for flow matching, which has none.
    /// </summary>
    public double BitsPerDimension { get; init; } = double.NaN;
}
