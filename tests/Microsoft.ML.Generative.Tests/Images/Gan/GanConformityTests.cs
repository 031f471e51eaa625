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

    protected override IDataView CreateData(MLContext ml) => ml.Data.LoadFromEnumerable(GanRows.Ring(30));
}
