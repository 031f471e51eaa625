namespace Microsoft.ML.Generative.Evaluation;

/// <summary>How well a diffusion model predicts, by <see cref="GenerativeCatalog.EvaluateDiffusion"/>.</summary>
/// <param name="Rows">Rows evaluated.</param>
/// <param name="Loss">
/// The mean squared error of the network's prediction (noise, image or velocity), over evenly spread times: the training's validation loss
/// without weights.
/// </param>
/// <param name="NoiseLoss">
/// The mean squared error of the noise ε, into which other predictions are converted, over evenly spread times; 1 is that of predicting 0.
/// It compares models of different predictions. NaN for flow matching.
/// </param>
public sealed record DiffusionMetrics(long Rows, double Loss, double NoiseLoss)
{
    /// <summary><see cref="Loss"/> in each part of the time, from the image to noise.</summary>
    public required IReadOnlyList<double> LossByBand { get; init; }

    /// <summary><see cref="NoiseLoss"/> in each part of the time, from the image to noise; empty for flow matching.</summary>
    public required IReadOnlyList<double> NoiseLossByBand { get; init; }

    /// <summary>
    /// An upper bound of −log₂ p(image) for each of its values, in bits, where images have 256 levels (Ho et al. 2020, eq. 5 and 13);
    /// lower is better, 8 is that of random values. NaN for flow matching, which has none.
    /// </summary>
    public double BitsPerDimension { get; init; } = double.NaN;
}
