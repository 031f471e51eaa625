using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

public sealed class DiffusionRewardConformityTests : EstimatorConformity<DiffusionTransformer>
{
    private static readonly Lazy<DiffusionTransformer> _base = new(() => TinyRewards.Train(TinyDiffusion.Options()));

    protected override string InputColumn => "Pixels";

    protected override IEstimator<DiffusionTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure)
    {
        DiffusionRewardOptions options = TinyRewards.Options(_base.Value);
        options.Steps = 3;
        return ml.Transforms.Generative().DiffusionReward(options.With(configure));
    }

    protected override void CallAll(DiffusionTransformer model) => model.Generate(1, new() { Seed = 1, Steps = 2 });

    protected override IDataView CreateData(MLContext ml) => TinyImages.AsVectors(ml, 24);
}

/// <summary>The smallest training towards a reward that has all of its parts.</summary>
internal static class TinyRewards
{
    /// <summary>Brighter on the left, and a little of everything else, so that each pixel counts.</summary>
    public static ImageReward Left { get; } = ImageReward.FromFunction(image =>
    {
        double sum = 0;
        for (int i = 0; i < image.Values.Length; i++)
            sum += image.Values.Span[i] * (i % image.Width < image.Width / 2 ? 1 : -0.5) * (1 + 0.1 * i / image.Values.Length);
        return sum / image.Values.Length;
    });

    /// <summary>A row as the models of these tests generate it.</summary>
    public sealed class Row
    {
        [VectorType(1, TinyImages.Height, TinyImages.Width)]
        public float[] Image { get; set; } = new float[TinyImages.Height * TinyImages.Width];
    }

    public static DiffusionTransformer Train(DiffusionOptions options)
    {
        MLContext ml = new(seed: 1);
        return ml.Transforms.Generative().Diffusion(options).Fit(TinyImages.AsVectors(ml, 24));
    }

    public static DiffusionRewardOptions Options(DiffusionTransformer model) => new()
    {
        BaseModel = model,
        Reward = Left,
        Epochs = 2,
        ImagesPerEpoch = 8,
        Steps = 4,
        BatchSize = 8,
        GradientAccumulationSteps = 1,
        TransformBatchSize = 7,
    };
}
