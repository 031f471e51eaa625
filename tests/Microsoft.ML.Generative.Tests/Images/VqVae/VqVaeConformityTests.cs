namespace Microsoft.ML.Generative.Tests;

public sealed class VqVaeConformityTests : EstimatorConformity<VqVaeTransformer>
{
    protected override string InputColumn => "Pixels";

    protected override IEstimator<VqVaeTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure) =>
        ml.Transforms.Generative().VqVae(TinyVqVae.Options().With(configure));

    protected override void CallAll(VqVaeTransformer model)
    {
        int[] codes = model.Encode(new float[model.RowSize]);
        model.Generate(2, new() { Seed = 1 });
        model.Decode(codes);
        model.DecodeCodes([codes, codes]);
    }

    protected override IDataView CreateData(MLContext ml) => TinyImages.AsVectors(ml, 40);
}

/// <summary>The smallest VQ-VAE for <see cref="TinyImages"/> that has all of its parts.</summary>
internal static class TinyVqVae
{
    public static VqVaeOptions Options() => new()
    {
        InputColumnName = "Pixels",
        CodebookSize = 6,
        CodeSize = 3,
        HiddenChannels = 4,
        ResidualBlocks = 1,
        ResidualChannels = 2,
        Epochs = 1,
        PriorEpochs = 1,
        PriorLayers = 1,
        PriorEmbeddingSize = 8,
        PriorHeads = 2,
        BatchSize = 12,
        TransformBatchSize = 7,
    };
}
