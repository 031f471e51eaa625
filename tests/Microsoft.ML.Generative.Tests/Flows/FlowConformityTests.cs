using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

public sealed class FlowConformityTests : EstimatorConformity<FlowTransformer>
{
    protected override string InputColumn => "Features";

    protected override IEstimator<FlowTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure) =>
        ml.Transforms.Generative().Flow(
            new FlowOptions { CouplingLayers = 3, HiddenSizes = [8], Epochs = 2, BatchSize = 8, TransformBatchSize = 7 }.With(configure));

    protected override void CallAll(FlowTransformer model)
    {
        float[] row = new float[model.RowSize];
        model.Generate(2, new() { Seed = 1 });
        model.Decode(model.Encode(row));
        model.LogDensity(row);
        model.Interpolate(row, row, 2);
    }

    protected override IDataView CreateData(MLContext ml)
    {
        var random = new Random(4);
        return ml.Data.LoadFromEnumerable(Enumerable.Range(0, 30)
            .Select(_ => new FeatureRow { Features = [random.NextSingle() * 900 - 400, random.NextSingle(), random.NextSingle() / 100] })
            .ToArray());
    }

    private sealed class FeatureRow
    {
        [VectorType(3)]
        public float[] Features { get; set; } = [];

        public string Name { get; set; } = "row";
    }
}

public sealed class FlowOnImagesConformityTests : EstimatorConformity<FlowTransformer>
{
    protected override string InputColumn => "Image";

    protected override bool CacheKeepsColumns => false;

    protected override IEstimator<FlowTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure) =>
        ml.Transforms.Generative().Flow(new FlowOptions
        {
            InputColumnName = "Image",
            CouplingLayers = 4,
            ConvolutionChannels = 4,
            Epochs = 1,
            BatchSize = 8,
            TransformBatchSize = 5,
        }.With(configure));

    protected override IDataView CreateData(MLContext ml) => TinyImages.AsImages(ml, 23);
}

public sealed class ConditionalFlowConformityTests : EstimatorConformity<FlowTransformer>
{
    protected override string InputColumn => "Pixels";

    protected override IEstimator<FlowTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure) =>
        ml.Transforms.Generative().Flow(new FlowOptions
        {
            InputColumnName = "Pixels",
            LabelColumnName = "Number",
            LabelCount = 40,
            CouplingLayers = 3,
            ConvolutionChannels = 4,
            Epochs = 1,
            BatchSize = 8,
        }.With(configure));

    protected override IDataView CreateData(MLContext ml) => TinyImages.AsVectors(ml, 40);
}
