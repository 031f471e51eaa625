namespace Microsoft.ML.Generative.Evaluation;

/// <summary>How near generated images come to real ones, by their features.</summary>
/// <remarks>
/// Numbers can be compared only where features and numbers of rows are the same. What a value is worth is seen beside that of real images
/// against other real ones.
/// </remarks>
public sealed record ImageGenerationMetrics
{
    internal ImageGenerationMetrics()
    {
    }

    /// <summary>Real images compared.</summary>
    public required long RealRows { get; init; }

    /// <summary>Generated images compared.</summary>
    public required long GeneratedRows { get; init; }

    /// <summary>Values in an image's features.</summary>
    public required int FeatureSize { get; init; }

    /// <summary>
    /// The squared Fréchet distance of normal distributions with the features' means and covariances, from 0 (the same) up (FID, Heusel et
    /// al. 2017). Too high with few rows; with fewer than <see cref="FeatureSize"/> much too high.
    /// </summary>
    public required double FrechetDistance { get; init; }

    /// <summary>
    /// The squared maximum mean discrepancy with a kernel of degree 3 (KID, Bińkowski et al. 2018), without bias: around 0 for the same
    /// distribution, a bit below too, whatever the number of rows.
    /// </summary>
    public required double KernelDistance { get; init; }

    /// <summary>
    /// The standard error of <see cref="KernelDistance"/>: a distance of less than two of them cannot be distinguished from 0. NaN where
    /// <see cref="ImageEvaluationOptions.KernelSubsetSize"/> leaves but one subset.
    /// </summary>
    public required double KernelDistanceStandardError { get; init; }

    /// <summary>The share of generated images that are like real ones, 0 to 1 (Kynkäänniemi et al. 2019). Low: bad images.</summary>
    public required double Precision { get; init; }

    /// <summary>
    /// The share of real images that are like generated ones, 0 to 1 (Kynkäänniemi et al. 2019). Low: kinds of images are missing.
    /// </summary>
    public required double Recall { get; init; }

    /// <summary>
    /// How densely real images lie around generated ones (Naeem et al. 2020): about 1 for the same distribution, less for bad images, more
    /// where generated ones keep to what is most usual. Unlike <see cref="Precision"/> not misled by single odd real images.
    /// </summary>
    public required double Density { get; init; }

    /// <summary>
    /// The share of real images with a generated one nearby, 0 to 1 (Naeem et al. 2020). Low: kinds of images are missing. Unlike
    /// <see cref="Recall"/> not misled by single odd generated images.
    /// </summary>
    public required double Coverage { get; init; }

    /// <summary>
    /// The share of generated images that the classifier reads as the class they were asked for, 0 to 1; <see langword="null"/> where
    /// <see cref="ImageEvaluationOptions.LabelColumnName"/> names no labels.
    /// </summary>
    public double? ClassAccuracy { get; init; }
}
