using System.Text.Json.Nodes;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Schedulers;

namespace Microsoft.ML.Generative.Tests;

internal static partial class BaselineRecipes
{
    private static BaselineRecipe VectorGan => new(
        ml => BaselineRows.Images(ml),
        (ml, configure) => ml.Transforms.Generative().Gan(Brief(new GanOptions
        {
            InputColumnName = "Features",
            LabelColumnName = "Label",
            LatentSize = 3,
            HiddenSizes = [8, 6],
            LabelEmbeddingSize = 2,
            LabelConditioning = GanLabelConditioning.Concatenation,
            Objective = GanObjective.LeastSquares,
            R1Weight = 0.1,
        }).With(configure)).Fit(BaselineRows.Images(ml)),
        MeasureGan);

    private static BaselineRecipe Dcgan => new(
        ml => BaselineRows.Images(ml),
        (ml, configure) => ml.Transforms.Generative().Gan(Brief(new GanOptions
        {
            BaseChannels = 2,
            LatentSize = 4,
            DiscriminatorNormalization = GanNormalization.Batch,
            Truncation = 1.5,
            LabelSmoothing = 0.1,
        }).With(configure)).Fit(BaselineRows.Images(ml)),
        MeasureGan);

    private static BaselineRecipe ResidualGan => new(
        ml => BaselineRows.Images(ml),
        (ml, configure) => ml.Transforms.Generative().Gan(Brief(new GanOptions
        {
            LabelColumnName = "Label",
            Network = GanNetworkKind.Residual,
            GeneratorConditioning = GanGeneratorConditioning.BatchNormalization,
            Objective = GanObjective.Hinge,
            BaseChannels = 2,
            LatentSize = 3,
            LabelEmbeddingSize = 2,
            DiscriminatorSteps = 2,
            Augmentation = GanAugmentations.Translation,
            AdaptiveAugmentation = true,
            AugmentationRows = 100,
        }).With(configure)).Fit(BaselineRows.Images(ml)),
        MeasureGan)
    { IsCurrent = true, Stages = ["discriminator"] };

    private static BaselineRecipe UNet => Diffusion(["diffusion"], () => new DiffusionOptions
    {
        LabelColumnName = "Label",
        GuidanceScale = 1.5,
        LearnsVariance = true,
    });

    private static BaselineRecipe CrossAttention => Diffusion(null, () => new DiffusionOptions
    {
        LabelColumnName = "Label",
        LabelConditioning = DiffusionLabelConditioning.CrossAttention,
        ContextTokens = 2,
        Prediction = PredictionType.Velocity,
        NoiseSchedule = new NoiseScheduleOptions
        {
            BetaSchedule = NoiseScheduleKind.Cosine,
            RescaleBetasZeroSnr = true,
            TrainTimesteps = 200,
        },
        Sampler = DiffusionSampler.Euler,
        LossWeighting = DiffusionLossWeighting.MinSnr,
    });

    private static BaselineRecipe Transformer => Diffusion(null, () => new DiffusionOptions
    {
        Network = DiffusionNetworkKind.Dit,
        LabelColumnName = "Label",
    });

    private static BaselineRecipe SuperResolution => Diffusion(null, () => new DiffusionOptions
    {
        LowResolutionColumnName = "Small",
        Sampler = DiffusionSampler.DpmSolver,
    });

    private static BaselineRecipe Flow => Diffusion(null, () => new DiffusionOptions
    {
        Process = DiffusionProcess.FlowMatching,
        TransformStrength = 0.6,
    });

    // A network and a scheduler that options cannot ask for.
    private static BaselineRecipe DiffusersFolder => new(ml => BaselineRows.Images(ml), (ml, configure) =>
    {
        using var folder = new TemporaryFolder();
        using (DiffusionTransformer model = FitDiffusion(ml, new DiffusionOptions { LabelColumnName = "Label" }, configure))
            model.SavePretrained(folder.Path);
        Change(folder.File("unet/config.json"), new JsonObject
        {
            ["act_fn"] = "gelu",
            ["flip_sin_to_cos"] = false,
            ["norm_eps"] = 1e-6,
            ["mid_block_scale_factor"] = 1.5,
        });
        Change(folder.File("scheduler/scheduler_config.json"), new JsonObject
        {
            ["_class_name"] = "DPMSolverMultistepScheduler",
            ["solver_order"] = 2,
            ["algorithm_type"] = "dpmsolver++",
            ["beta_schedule"] = "scaled_linear",
        });
        return ml.Generative().LoadPretrainedDiffusion(folder.Path);
    }, MeasureDiffusion);

    private static BaselineRecipe ResidualClassifier => new(
        BaselineRows.ImagesWithTextKeys,
        (ml, configure) => ml.Transforms.Generative().ImageClassifier(Brief(new ImageClassifierOptions
        {
            LabelColumnName = "Quarter",
            BaseChannels = 3,
            Stages = 2,
            FeaturesColumnName = "Description",
            Dropout = 0.1,
            LabelSmoothing = 0.05,
            MaxShift = 1,
        }).With(configure).With(o => o.ValidationData = BaselineRows.ImagesWithTextKeys(ml))).Fit(BaselineRows.ImagesWithTextKeys(ml)),
        MeasureClassifier)
    { IsCurrent = true, Stages = ["classifier"] };

    private static BaselineRecipe PlainClassifier => new(
        ml => BaselineRows.Images(ml),
        (ml, configure) => ml.Transforms.Generative().ImageClassifier(Brief(new ImageClassifierOptions
        {
            Network = ImageClassifierNetworkKind.Plain,
            Normalization = ImageClassifierNormalization.Group,
            BaseChannels = 4,
            Stages = 2,
        }).With(configure)).Fit(BaselineRows.Images(ml)),
        MeasureClassifier);

    private static BaselineRecipe MlpVae => new(
        ml => BaselineRows.Images(ml),
        (ml, configure) => ml.Transforms.Generative().Vae(Brief(new VaeOptions
        {
            InputColumnName = "Features",
            LabelColumnName = "Label",
            LatentSize = 2,
            HiddenSizes = [8, 5],
            Likelihood = VaeLikelihood.LearnedGaussian,
            KlAnnealing = KlAnnealing.Cyclical,
            FreeBits = 0.01,
        }).With(configure)).Fit(BaselineRows.Images(ml)),
        MeasureVae)
    { IsCurrent = true };

    // The best weights so far are part of its checkpoints.
    private static BaselineRecipe ConvolutionalVae => new(
        ml => BaselineRows.Images(ml),
        (ml, configure) => ml.Transforms.Generative().Vae(Brief(new VaeOptions
        {
            LabelColumnName = "Label",
            LatentSize = 2,
            Network = VaeNetworkKind.Convolutional,
            ConvolutionChannels = [2, 4],
            HiddenSizes = [],
            ImportanceSamples = 2,
            EarlyStoppingPatience = 20,
        }).With(configure).With(o => o.ValidationData = BaselineRows.Images(ml, 6))).Fit(BaselineRows.Images(ml)),
        MeasureVae)
    { IsCurrent = true, Stages = ["vae"] };

    private static BaselineRecipe VectorFlow => new(
        ml => BaselineRows.Images(ml),
        (ml, configure) => ml.Transforms.Generative().Flow(Brief(new FlowOptions
        {
            LabelColumnName = "Label",
            CouplingLayers = 3,
            HiddenSizes = [6],
            MaxLogScale = 1.5,
        }).With(configure)).Fit(BaselineRows.Images(ml)),
        MeasureFlow)
    { IsCurrent = true, Stages = ["flow"] };

    private static BaselineRecipe ImageFlow => new(
        ml => BaselineRows.Images(ml),
        (ml, configure) => ml.Transforms.Generative().Flow(Brief(new FlowOptions
        {
            InputColumnName = "Small",
            LabelColumnName = "Label",
            CouplingLayers = 2,
            ConvolutionChannels = 3,
        }).With(configure)).Fit(BaselineRows.Images(ml)),
        MeasureFlow)
    { IsCurrent = true };

    private static BaselineRecipe VqVae => new(
        ml => BaselineRows.Images(ml),
        (ml, configure) => ml.Transforms.Generative().VqVae(Brief(new VqVaeOptions
        {
            CodebookSize = 6,
            CodeSize = 3,
            HiddenChannels = 4,
            ResidualBlocks = 1,
            ResidualChannels = 2,
            PriorMaxSteps = 12,
            PriorLayers = 1,
            PriorEmbeddingSize = 8,
            PriorHeads = 2,
        }).With(configure)).Fit(BaselineRows.Images(ml)),
        MeasureVqVae)
    { IsCurrent = true, Stages = ["vqvae", "prior"] };

    private static BaselineRecipe Diffusion(string[]? stages, Func<DiffusionOptions> options) => new(
        ml => BaselineRows.Images(ml), (ml, configure) => FitDiffusion(ml, options(), configure), MeasureDiffusion)
    { IsCurrent = stages is not null, Stages = stages };

    private static DiffusionTransformer FitDiffusion(MLContext ml, DiffusionOptions options, Action<TrainingOptions> configure)
    {
        (options.BlockChannels, options.AttentionLevels, options.AttentionHeadSize, options.NormGroups) = ([2, 4], [1], 4, 2);
        (options.PatchSize, options.DitEmbeddingSize, options.DitLayers, options.DitHeads, options.Steps) = (4, 8, 2, 2, 4);
        return ml.Transforms.Generative().Diffusion(
            Brief(options).With(o => (o.MaxSteps, o.LearningRate) = (24, 0.02)).With(configure)).Fit(BaselineRows.Images(ml));
    }

    private static void Change(string path, JsonObject members)
    {
        JsonObject json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        foreach ((string name, JsonNode? value) in members)
            json[name] = value!.DeepClone();
        File.WriteAllText(path, json.ToJsonString());
    }

    private static void MeasureGan(MLContext ml, ITransformer transformer, BaselineOutputs outputs)
    {
        var model = (GanTransformer)transformer;
        int? label = model.LabelCount > 0 ? 2 : null;
        float[] z = [.. Enumerable.Range(0, model.LatentSize).Select(i => 0.5f - 0.25f * i)];
        outputs.Add("Sizes", [model.LabelCount, model.LatentSize, model.RowSize]);
        outputs.Add("Transformed", Vectors(model.Transform(BaselineRows.Images(ml, 3)), "Generated"));
        outputs.Add("Generated", Vectors(model.Generate(3, new() { Seed = 3, Label = label, Truncation = 2 }), "Generated"));
        outputs.Add("Decoded", model.Decode(z, label));
    }

    private static void MeasureDiffusion(MLContext ml, ITransformer transformer, BaselineOutputs outputs)
    {
        var model = (DiffusionTransformer)transformer;
        IDataView rows = BaselineRows.Images(ml, 3);
        bool isSuperResolution = model.Definition.Architecture.LowResolution is not null;
        DiffusionGenerateOptions Options() => new()
        {
            Seed = 3,
            Steps = 4,
            Label = model.LabelCount > 0 ? 2 : null,
            GuidanceScale = model.LabelCount > 0 ? 2 : 1,
            LowResolution = isSuperResolution ? FirstImage(rows, "Small") : null,
        };
        outputs.Add("Sizes", [model.LabelCount, model.RowSize, model.TrainTimesteps]);
        outputs.Add("Transformed", Vectors(model.Transform(rows), "Generated"));
        outputs.Add("Generated", Vectors(model.Generate(2, Options()), "Generated"));
        outputs.Add("Changed", Vectors(model.ImageToImage(FirstImage(rows, "Image"), 0.25, 1, Options()), "Generated"));
        outputs.Add("Losses", ml.Generative().EvaluateDiffusion(model, rows, timesteps: 4, seed: 5).LossByBand.Select(loss => (float)loss));
    }

    private static float[] FirstImage(IDataView rows, string column) => [.. rows.GetColumn<byte[]>(column).First().Select(b => b / 255f)];

    private static void MeasureClassifier(MLContext ml, ITransformer transformer, BaselineOutputs outputs)
    {
        var model = (ImageClassifierTransformer)transformer;
        IDataView scored = model.Transform(BaselineRows.Images(ml, 6));
        outputs.Add("Sizes", [model.ClassCount, model.FeatureSize]);
        outputs.Add("Score", Vectors(scored, "Score"));
        outputs.Add("PredictedLabel", scored.GetColumn<uint>("PredictedLabel").Select(label => (float)label));
        if (scored.Schema.GetColumnOrNull("Description") is null)
            return;
        outputs.Add("Description", Vectors(scored, "Description"));
        IDataView named = ml.Transforms.Conversion.MapKeyToValue("Named", "PredictedLabel").Fit(scored).Transform(scored);
        outputs.Add("Named", named.GetColumn<string>("Named"));
    }

    private static void MeasureFlow(MLContext ml, ITransformer transformer, BaselineOutputs outputs)
    {
        var model = (FlowTransformer)transformer;
        IDataView scored = model.Transform(BaselineRows.Images(ml, 4));
        outputs.Add("Sizes", [model.LabelCount, model.RowSize]);
        outputs.Add("Latent", Vectors(scored, "Latent"));
        outputs.Add("NegativeLogDensity", Values(scored, "NegativeLogDensity"));
        outputs.Add("Generated", Vectors(model.Generate(2, new() { Seed = 3, Label = 2 }), "Generated"));
        outputs.Add("Decoded", model.Decode([.. Enumerable.Range(0, model.RowSize).Select(i => i % 5 / 4f - 0.5f)], label: 1));
    }

    private static void MeasureVae(MLContext ml, ITransformer transformer, BaselineOutputs outputs)
    {
        var model = (VaeTransformer)transformer;
        IDataView scored = model.Transform(BaselineRows.Images(ml, 4));
        outputs.Add("Sizes", [model.LatentSize, model.LabelCount, model.RowSize]);
        outputs.Add("Latent", Vectors(scored, "Latent"));
        outputs.Add("Reconstruction", Vectors(scored, "Reconstruction"));
        outputs.Add("ReconstructionError", Values(scored, "ReconstructionError"));
        outputs.Add("NegativeElbo", Values(scored, "NegativeElbo"));
        outputs.Add("Generated", Vectors(model.Generate(2, new() { Seed = 3, Label = 2 }), "Generated"));
        outputs.Add("Decoded", model.Decode([0.5f, -1], label: 1));
    }

    private static void MeasureVqVae(MLContext ml, ITransformer transformer, BaselineOutputs outputs)
    {
        var model = (VqVaeTransformer)transformer;
        IDataView scored = model.Transform(BaselineRows.Images(ml, 4));
        outputs.Add("Sizes", [model.CodebookSize, model.CodesHeight, model.CodesWidth, model.RowSize]);
        outputs.Add("Codes", scored.GetColumn<int[]>("Codes").SelectMany(row => row).Select(code => (float)code));
        outputs.Add("Reconstruction", Vectors(scored, "Reconstruction"));
        outputs.Add("ReconstructionError", Values(scored, "ReconstructionError"));
        outputs.Add("NegativeLogPrior", Values(scored, "NegativeLogPrior"));
        outputs.Add("Generated", Vectors(model.Generate(2, new() { Seed = 3 }), "Generated"));
        int[] codes = [.. Enumerable.Range(0, model.CodesHeight * model.CodesWidth).Select(i => i % model.CodebookSize)];
        outputs.Add("Decoded", model.Decode(codes));
    }
}
