using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Evaluation;

/// <summary>Options of <see cref="GenerativeCatalog.EvaluateImages(IDataView, IDataView, ImageEvaluationOptions)"/>.</summary>
/// <example>
/// <code>
/// DiffusionTransformer model = mlContext.Transforms.Generative().Diffusion("Image", labelColumnName: "Label").Fit(data);
/// ImageClassifierTransformer classifier = mlContext.Transforms.Generative().ImageClassifier("Label", "Image").Fit(data);
/// ImageGenerationMetrics metrics = mlContext.Generative().EvaluateImages(testData, model.Transform(testData), new ImageEvaluationOptions
/// {
///     Classifier = classifier,
///     LabelColumnName = "Label",   // what the generated images should be of
/// });
/// </code>
/// </example>
public sealed class ImageEvaluationOptions
{
    internal static class Defaults
    {
        public const string RealColumnName = "Image";
        public const string GeneratedColumnName = "Generated";
        public const int PrecisionNeighbors = 3;
        public const int DensityNeighbors = 5;
    }

    /// <summary>The column of the real data: images, or vectors of features as <see cref="Features"/> wants them. Default: Image.</summary>
    public string RealColumnName { get; set; } = Defaults.RealColumnName;

    /// <summary>The column of the generated data. Default: Generated.</summary>
    public string GeneratedColumnName { get; set; } = Defaults.GeneratedColumnName;

    /// <summary>
    /// What images are compared by. Default: the features of <see cref="Classifier"/>, or <see cref="ImageFeatureExtractor.Pixels"/> if
    /// there is none.
    /// </summary>
    public ImageFeatureExtractor? Features { get; set; }

    /// <summary>
    /// Reads the classes of generated images where <see cref="LabelColumnName"/> is set, and describes images. Default: none.
    /// </summary>
    public ImageClassifierTransformer? Classifier { get; set; }

    /// <summary>
    /// The column of the generated data with the class that each image was asked for: a key with the classifier's values in any order, or
    /// an integer from 0. Needs
    /// <see cref="Classifier"/>. Default: none.
    /// </summary>
    public string? LabelColumnName { get; set; }

    /// <summary>
    /// Neighbors that <see cref="ImageGenerationMetrics.Precision"/> and recall look at, at least 1. Default: 3, as published.
    /// </summary>
    public int PrecisionNeighbors { get; set; } = Defaults.PrecisionNeighbors;

    /// <summary>
    /// Neighbors that <see cref="ImageGenerationMetrics.Density"/> and coverage look at, at least 1. Default: 5, as published.
    /// </summary>
    public int DensityNeighbors { get; set; } = Defaults.DensityNeighbors;

    /// <summary>
    /// Rows in each of the disjoint subsets that <see cref="ImageGenerationMetrics.KernelDistance"/> is averaged over, at least 2, at most
    /// the rows of the smaller data. Default: a tenth of them, at most 1,000.
    /// </summary>
    public int? KernelSubsetSize { get; set; }

    /// <summary>Seed of which rows are in which subset. Default: the context's, else a new one.</summary>
    public int? Seed { get; set; }

    internal void Validate()
    {
        OptionChecks.NotEmpty(RealColumnName);
        OptionChecks.NotEmpty(GeneratedColumnName);
        OptionChecks.AtLeast(PrecisionNeighbors, 1);
        OptionChecks.AtLeast(DensityNeighbors, 1);
        OptionChecks.AtLeast(KernelSubsetSize, 2);
        if (LabelColumnName is null)
            return;
        OptionChecks.NotEmpty(LabelColumnName);
        if (Classifier is null)
        {
            throw new ArgumentException(
                $"{nameof(LabelColumnName)} is '{LabelColumnName}', but there is no {nameof(Classifier)} that could read the images.",
                nameof(LabelColumnName));
        }

        if (Features is { TakesImages: false })
            throw new ArgumentException(
                $"{nameof(LabelColumnName)} is '{LabelColumnName}', but {nameof(Features)} takes columns of features, and the "
                + $"{nameof(Classifier)} needs images. Evaluate the two apart.", nameof(LabelColumnName));
    }
}
