namespace Microsoft.ML.Generative;

/// <summary>Options of <see cref="GenerativeCatalog.EvaluateImages(IDataView, IDataView, ImageEvaluationOptions)"/>.</summary>
/// <example>
/// <code>
/// DiffusionTransformer model = mlContext.Transforms.Generative().Diffusion("Image", "Label").Fit(data);
/// ImageClassifierTransformer classifier = mlContext.Transforms.Generative().ImageClassifier("Label", "Image").Fit(data);
/// ImageGenerationMetrics metrics = mlContext.Generative().EvaluateImages(testData, model.Transform(testData), new ImageEvaluationOptions
/// {
///     Classifier = classifier,
///     LabelColumnName = "Label",   // what the generated pictures should be of
/// });
/// </code>
/// </example>
public sealed class ImageEvaluationOptions
{
    internal static class Defaults
    {
        public const string RealColumnName = "Image";
        public const string GeneratedColumnName = "Generated";
        public const int PrecisionNeighbours = 3;
        public const int DensityNeighbours = 5;
    }

    /// <summary>The column of the real data: pictures, or vectors of features as <see cref="Features"/> wants them. Default: Image.</summary>
    public string RealColumnName { get; set; } = Defaults.RealColumnName;

    /// <summary>The column of the generated data. Default: Generated.</summary>
    public string GeneratedColumnName { get; set; } = Defaults.GeneratedColumnName;

    /// <summary>
    /// What pictures are compared by. Default: the features of <see cref="Classifier"/>, or <see cref="ImageFeatureExtractor.Pixels"/> if there is none.
    /// </summary>
    public ImageFeatureExtractor? Features { get; set; }

    /// <summary>Reads the classes of generated pictures where <see cref="LabelColumnName"/> is set, and describes pictures. Default: none.</summary>
    public ImageClassifierTransformer? Classifier { get; set; }

    /// <summary>
    /// The column of the generated data with the class that each picture was asked for: a key with the classifier's values, or an integer from 0. Needs
    /// <see cref="Classifier"/>. Default: none.
    /// </summary>
    public string? LabelColumnName { get; set; }

    /// <summary>Neighbours that <see cref="ImageGenerationMetrics.Precision"/> and recall look at, at least 1. Default: 3, as published.</summary>
    public int PrecisionNeighbours { get; set; } = Defaults.PrecisionNeighbours;

    /// <summary>Neighbours that <see cref="ImageGenerationMetrics.Density"/> and coverage look at, at least 1. Default: 5, as published.</summary>
    public int DensityNeighbours { get; set; } = Defaults.DensityNeighbours;

    /// <summary>
    /// Rows in each of the disjoint subsets that <see cref="ImageGenerationMetrics.KernelDistance"/> is averaged over, at least 2, at most the rows of the smaller
    /// data. Default: a tenth of them, at most 1,000.
    /// </summary>
    public int? KernelSubsetSize { get; set; }

    /// <summary>Seed of which rows are in which subset. Default: the context's, else a new one.</summary>
    public int? Seed { get; set; }

    internal void Validate()
    {
        OptionChecks.NotEmpty(RealColumnName);
        OptionChecks.NotEmpty(GeneratedColumnName);
        OptionChecks.AtLeast(PrecisionNeighbours, 1);
        OptionChecks.AtLeast(DensityNeighbours, 1);
        OptionChecks.AtLeast(KernelSubsetSize ?? 2, 2, nameof(KernelSubsetSize));
        if (LabelColumnName is null)
            return;
        OptionChecks.NotEmpty(LabelColumnName);
        if (Classifier is null)
            throw new ArgumentException($"{nameof(LabelColumnName)} is '{LabelColumnName}', but there is no {nameof(Classifier)} that could read the pictures.", nameof(LabelColumnName));
        if (Features is { TakesPictures: false })
            throw new ArgumentException(
                $"{nameof(LabelColumnName)} is '{LabelColumnName}', but {nameof(Features)} takes columns of features, and the {nameof(Classifier)} needs pictures. Evaluate the two apart.", nameof(LabelColumnName));
    }
}
