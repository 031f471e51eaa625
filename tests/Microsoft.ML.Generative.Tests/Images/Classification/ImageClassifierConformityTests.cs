using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

public sealed class ImageClassifierConformityTests : EstimatorConformity<ImageClassifierTransformer>
{
    protected override string InputColumn => "Pixels";

    // Batch normalization.
    protected override bool RowsAreIndependent => false;

    protected override IEstimator<ImageClassifierTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure) =>
        ml.Transforms.Generative().ImageClassifier(
            new ImageClassifierOptions
            {
                LabelColumnName = "Side",
                InputColumnName = "Pixels",
                BaseChannels = 4,
                Stages = 2,
                FeaturesColumnName = "Features",
                LabelSmoothing = 0.1,
                Dropout = 0.2,
                MaxShift = 1,
                FlipsHorizontally = true,
                Epochs = 2,
                BatchSize = 8,
                TransformBatchSize = 7,
            }.With(configure));

    protected override IDataView CreateData(MLContext ml) => LabeledImages.WithTextKeys(ml, 40);
}

public sealed class ImageClassifierOnImagesConformityTests : EstimatorConformity<ImageClassifierTransformer>
{
    protected override string InputColumn => "Image";

    // Batch normalization.
    protected override bool RowsAreIndependent => false;

    protected override bool CacheKeepsColumns => false;

    protected override IEstimator<ImageClassifierTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure) =>
        ml.Transforms.Generative().ImageClassifier(
            new ImageClassifierOptions
            {
                LabelColumnName = "Number",
                LabelCount = 23,
                InputColumnName = "Image",
                Network = ImageClassifierNetworkKind.Plain,
                Normalization = ImageClassifierNormalization.Group,
                BaseChannels = 4,
                Stages = 2,
                Epochs = 1,
                BatchSize = 8,
                TransformBatchSize = 5,
            }.With(configure));

    protected override IDataView CreateData(MLContext ml) => TinyImages.AsImages(ml, 23);
}

/// <summary><see cref="TinyImages"/> with a column Side that says on which side the square is.</summary>
internal static class LabeledImages
{
    public static IDataView WithTextKeys(MLContext ml, int count) => WithKeys(ml, count, i => i % 2 == 0 ? "left" : "right");

    public static IDataView WithKeys<T>(MLContext ml, int count, Func<int, T> label)
    {
        IDataView rows = ml.Data.LoadFromEnumerable(
            Enumerable.Range(0, count).Select(i => new Row<T> { Pixels = TinyImages.Pixels(i, 1), Side = label(i), Number = i }).ToArray());
        return ml.Transforms.Conversion.MapValueToKey("Side").Fit(rows).Transform(rows);
    }

    private sealed class Row<T>
    {
        [VectorType(1, TinyImages.Height, TinyImages.Width)]
        public byte[] Pixels { get; set; } = [];

        public T Side { get; set; } = default!;

        public int Number { get; set; }
    }
}
