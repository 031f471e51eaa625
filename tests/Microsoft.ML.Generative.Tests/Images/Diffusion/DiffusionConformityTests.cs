namespace Microsoft.ML.Generative.Tests;

public sealed class DiffusionConformityTests : EstimatorConformity<DiffusionTransformer>
{
    protected override string InputColumn => "Pixels";

    protected override IEstimator<DiffusionTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure) =>
        ml.Transforms.Generative().Diffusion(TinyDiffusion.Options().With(configure));

    protected override void CallAll(DiffusionTransformer model)
    {
        float[] image = new float[model.RowSize];
        var options = new DiffusionGenerateOptions { Seed = 1, Steps = 2 };
        model.Generate(1, options);
        model.ImageToImage(image, 0.5, 1, options);
        model.Inpaint(image, image, 1, options);
        model.Interpolate(image, image, 2, options);
    }

    protected override IDataView CreateData(MLContext ml) => TinyImages.AsVectors(ml, 24);
}

public sealed class GuidedDiffusionConformityTests : EstimatorConformity<DiffusionTransformer>
{
    protected override string InputColumn => "Pixels";

    protected override IEstimator<DiffusionTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure)
    {
        DiffusionOptions options = TinyDiffusion.Options();
        (options.LabelColumnName, options.LabelCount, options.GuidanceScale, options.TransformStrength) = ("Number", 40, 2, 0.5);
        (options.LabelConditioning, options.LearnsVariance, options.Sampler) = (
            DiffusionLabelConditioning.CrossAttention, true, DiffusionSampler.Ddpm);
        (options.FlipsHorizontally, options.Dropout, options.Precision) = (true, 0.1, ComputePrecision.BFloat16);
        return ml.Transforms.Generative().Diffusion(options.With(configure));
    }

    protected override IDataView CreateData(MLContext ml) => TinyImages.AsVectors(ml, 24);
}

public sealed class FlowTransformerConformityTests : EstimatorConformity<DiffusionTransformer>
{
    protected override string InputColumn => "Pixels";

    protected override IEstimator<DiffusionTransformer> CreateEstimator(MLContext ml, Action<TrainingOptions> configure)
    {
        DiffusionOptions options = TinyDiffusion.Options();
        (options.Network, options.Process) = (DiffusionNetworkKind.Dit, DiffusionProcess.FlowMatching);
        return ml.Transforms.Generative().Diffusion(options.With(configure));
    }

    protected override IDataView CreateData(MLContext ml) => TinyImages.AsVectors(ml, 24);
}

/// <summary>The smallest diffusion model for <see cref="TinyImages"/> that has all of its parts.</summary>
internal static class TinyDiffusion
{
    public static DiffusionOptions Options() => new()
    {
        InputColumnName = "Pixels",
        BlockChannels = [4, 8],
        AttentionLevels = [1],
        AttentionHeadSize = 4,
        NormGroups = 2,
        PatchSize = 2,
        DitEmbeddingSize = 8,
        DitLayers = 1,
        DitHeads = 2,
        Steps = 4,
        Epochs = 2,
        BatchSize = 8,
        TransformBatchSize = 7,
    };
}
