using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

public class GanConformityTests : EstimatorConformity<GanTransformer>
{
    protected override string InputColumn => "Features";

    protected override IEstimator<GanTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure) =>
        ml.Transforms.Generative().Gan(new GanOptions
        {
            InputColumnName = InputColumn,
            LatentSize = 3,
            HiddenSizes = [8],
            BatchSize = 8,
            MaxSteps = 12,
            DiscriminatorSteps = 2,
            R1Weight = 0.1,
            InstanceNoise = 0.1,
            TransformBatchSize = 4,
        }.With(configure));

    protected override void CallAll(GanTransformer model)
    {
        float[] latent = model.SampleLatent(1);
        model.Generate(2, new() { Seed = 1 });
        model.Decode(latent);
        model.Interpolate(latent, latent, 2);
        model.Project(new float[model.RowSize], new() { Steps = 2 });
    }

    protected override IDataView CreateData(MLContext ml) => ml.Data.LoadFromEnumerable(GanRows.Ring(30));
}

/// <summary>The same for images with classes and batch normalization, whose averages are part of the model.</summary>
public class GanOfImagesConformityTests : EstimatorConformity<GanTransformer>
{
    protected override string InputColumn => "Image";

    // Batch normalization.
    protected override bool RowsAreIndependent => false;

    protected override IEstimator<GanTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure) =>
        ml.Transforms.Generative().Gan(new GanOptions
        {
            InputColumnName = InputColumn,
            LabelColumnName = "Kind",
            Network = GanNetworkKind.Residual,
            GeneratorConditioning = GanGeneratorConditioning.BatchNormalization,
            BaseChannels = 2,
            LatentSize = 3,
            BatchSize = 8,
            MaxSteps = 5,
            Augmentation = GanAugmentations.Translation,
            AdaptiveAugmentation = true,
            AugmentationRows = 100,
            TransformBatchSize = 4,
        }.With(configure));

    protected override IDataView CreateData(MLContext ml) => ml.Data.LoadFromEnumerable(Enumerable.Range(0, 20).Select(i => new Row
    {
        Image = [.. Enumerable.Range(0, 256).Select(p => (byte)(p * (i + 1)))],
        Kind = (uint)(i % 3),
    }).ToArray());

    private sealed class Row
    {
        [VectorType(1, 16, 16)]
        public byte[] Image { get; set; } = [];

        [KeyType(3)]
        public uint Kind { get; set; }
    }
}
