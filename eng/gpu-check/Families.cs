using Microsoft.ML.Data;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.GpuCheck;

/// <summary>The kinds of models of the library.</summary>
internal sealed class Families
{
    private const string Letters = "abcdefghijklmnopqrstuvwxyz ";
    private readonly int _rows;
    private readonly int _channels;

    public Families(bool isSmall)
    {
        (_rows, _channels) = isSmall ? (32, 8) : (128, 32);
        All = [.. Images(), .. Vectors(), .. Texts()];
    }

    public IReadOnlyList<Family> All { get; }

    public static GenerativeTokenizer Tokenizer() =>
        GenerativeTokenizers.CharacterLevel([Letters], new CharacterLevelOptions { EndOfTextToken = "<|endoftext|>" });

    public static IDataView Sentences(MLContext ml) => ml.Data.LoadFromEnumerable(
        ((string[])["cat", "dog", "hen", "fox"]).SelectMany(animal => ((string[])["fish", "corn", "cake", "hay"])
            .Select(food => new { Text = $"the {animal} eats {food} and the {animal} sleeps" })));

    /// <summary>A language model, trained on the context's device.</summary>
    public static LanguageModelTransformer Base(MLContext ml, Action<LanguageModelOptions>? configure = null)
    {
        var options = new LanguageModelOptions
        {
            Architecture = LanguageModelArchitecture.LlamaNano with { Layers = 2, Heads = 2, EmbeddingSize = 64, ContextLength = 64 },
            Tokenizer = Tokenizer(),
            BatchSize = 8,
            MaxSteps = 8,
            Precision = ComputePrecision.Float32,
            Seed = 1,
        };
        configure?.Invoke(options);
        return ml.Transforms.Generative().LanguageModel(options).Fit(Sentences(ml));
    }

    // The same weights in every training: a GPU does not train them twice.
    private static readonly Lazy<byte[]> _base = new(() =>
    {
        MLContext cpu = Outputs.Context(onCpu: true);
        using LanguageModelTransformer model = Base(cpu);
        using var file = new MemoryStream();
        cpu.Model.Save(model, Sentences(cpu).Schema, file);
        return file.ToArray();
    });

    private static LanguageModelTransformer SameBase(MLContext ml) =>
        (LanguageModelTransformer)ml.Model.Load(new MemoryStream(_base.Value), out _);

    private static IDataView Pairs(MLContext ml) => ml.Data.LoadFromEnumerable(
        Enumerable.Range(0, 16).Select(i => new { Prompt = "the cat eats ", Chosen = "fish", Rejected = i % 2 == 0 ? "corn" : "hay" }));

    private static IDataView Prompts(MLContext ml) =>
        ml.Data.LoadFromEnumerable(Enumerable.Range(0, 8).Select(_ => new { Prompt = "the cat eats " }));

    private static IDataView Points(MLContext ml)
    {
        var random = new Random(1);
        return ml.Data.LoadFromEnumerable(Enumerable.Range(0, 256).Select(_ => new Point
        {
            Features = [random.NextSingle(), random.NextSingle() - 0.5f, random.NextSingle() * 2, 1 - random.NextSingle()],
        }).ToArray());
    }

    private IDataView Digits(MLContext ml) => ml.Generative().Datasets.Digits(_rows, seed: 1);

    private IEnumerable<Family> Images()
    {
        yield return new Family(
            "vae", Digits, (ml, set) => Set(ml.Transforms.Generative().Vae, new VaeOptions { BatchSize = 16 }, set),
            model => ((VaeTransformer)model).Generate(3));
        yield return new Family(
            "vae-convolutional", Digits,
            (ml, set) => Set(ml.Transforms.Generative().Vae, new VaeOptions
            {
                Network = VaeNetworkKind.Convolutional,
                ConvolutionChannels = [_channels, _channels],
                LabelColumnName = "Label",
                EmaDecay = 0.9,
                GradientClipNorm = 1,
                BatchSize = 16,
            }, set),
            model => ((VaeTransformer)model).Generate(3, new VaeGenerateOptions { Label = 1, Seed = 1 }));
        yield return new Family(
            "vq-vae", Digits,
            (ml, set) => Set(ml.Transforms.Generative().VqVae, new VqVaeOptions
            {
                HiddenChannels = _channels,
                ResidualChannels = _channels,
                PriorMaxSteps = 4,
                PriorLayers = 1,
                PriorEmbeddingSize = 32,
                BatchSize = 16,
            }, set),
            model => ((VqVaeTransformer)model).Generate(2, new VqVaeGenerateOptions { Seed = 1 }));
        yield return new Family(
            "gan", Digits,
            (ml, set) => Set(ml.Transforms.Generative().Gan, new GanOptions { BaseChannels = _channels, BatchSize = 16 }, set),
            model => ((GanTransformer)model).Generate(3, new GanGenerateOptions { Seed = 1 }));
        yield return new Family(
            "gan-residual", Digits,
            (ml, set) => Set(ml.Transforms.Generative().Gan, new GanOptions
            {
                Network = GanNetworkKind.Residual,
                LabelColumnName = "Label",
                GeneratorConditioning = GanGeneratorConditioning.BatchNormalization,
                BaseChannels = _channels,
                R1Weight = 0.1,
                InstanceNoise = 0.1,
                Augmentation = GanAugmentations.Color | GanAugmentations.Translation | GanAugmentations.Cutout,
                AdaptiveAugmentation = true,
                BatchSize = 16,
            }, set),
            model => ((GanTransformer)model).Generate(3, new GanGenerateOptions { Seed = 1, Label = 1 }));
        yield return new Family(
            "diffusion", Digits,
            (ml, set) => Set(ml.Transforms.Generative().Diffusion, new DiffusionOptions
            {
                BlockChannels = [_channels, 2 * _channels],
                AttentionLevels = [1],
                LabelColumnName = "Label",
                Steps = 4,
                BatchSize = 16,
            }, set),
            model => ((DiffusionTransformer)model).Generate(2, new DiffusionGenerateOptions { Seed = 1, Label = 1, Steps = 4 }));
        yield return new Family(
            "diffusion-transformer", Digits,
            (ml, set) => Set(ml.Transforms.Generative().Diffusion, new DiffusionOptions
            {
                Network = DiffusionNetworkKind.Dit,
                PatchSize = 4,
                DitEmbeddingSize = 48,
                DitLayers = 2,
                DitHeads = 2,
                Process = DiffusionProcess.FlowMatching,
                Steps = 4,
                BatchSize = 16,
            }, set),
            model => ((DiffusionTransformer)model).Generate(2, new DiffusionGenerateOptions { Seed = 1, Steps = 4 }));
        yield return new Family(
            "image-classifier", Digits,
            (ml, set) => Set(ml.Transforms.Generative().ImageClassifier, new ImageClassifierOptions
            {
                BaseChannels = _channels,
                Stages = 2,
                MaxShift = 2,
                FlipsHorizontally = true,
                BatchSize = 16,
            }, set),
            model => model.Transform(Outputs.Context().Data.TakeRows(Digits(Outputs.Context()), 4)));
        yield return new Family(
            "diffusion-reward", Digits,
            (ml, set) =>
            {
                DiffusionTransformer before = ml.Transforms.Generative().Diffusion(new DiffusionOptions
                {
                    BlockChannels = [_channels],
                    AttentionLevels = [],
                    Steps = 4,
                    BatchSize = 16,
                    MaxSteps = 4,
                    Precision = ComputePrecision.Float32,
                    Seed = 1,
                }).Fit(Digits(ml));
                return Set(ml.Transforms.Generative().DiffusionReward, new DiffusionRewardOptions
                {
                    BaseModel = before,
                    Reward = ImageReward.FromFunction(image => image[0, 14, 14]),
                    ImagesPerEpoch = 8,
                    Steps = 4,
                    BatchSize = 8,
                    GradientAccumulationSteps = 2,
                }, set);
            },
            model => ((DiffusionTransformer)model).Generate(2, new DiffusionGenerateOptions { Seed = 1, Steps = 4 }))
        {
            LossTolerance = double.PositiveInfinity,
        };
    }

    private IEnumerable<Family> Vectors()
    {
        yield return new Family(
            "gan-of-vectors", Points,
            (ml, set) => Set(ml.Transforms.Generative().Gan, new GanOptions
            {
                InputColumnName = "Features",
                Objective = GanObjective.WassersteinGradientPenalty,
                DiscriminatorSteps = 2,
                HiddenSizes = [32],
                LatentSize = 8,
                BatchSize = 16,
            }, set),
            model => ((GanTransformer)model).Generate(3, new GanGenerateOptions { Seed = 1 }));
        yield return new Family(
            "flow", Points,
            (ml, set) => Set(
                ml.Transforms.Generative().Flow, new FlowOptions { CouplingLayers = 4, HiddenSizes = [32], BatchSize = 32 }, set),
            model => ((FlowTransformer)model).Generate(3, new FlowGenerateOptions { Seed = 1 }));
        yield return new Family(
            "flow-of-images", Digits,
            (ml, set) => Set(ml.Transforms.Generative().Flow, new FlowOptions
            {
                InputColumnName = "Image",
                CouplingLayers = 4,
                ConvolutionChannels = _channels,
                BatchSize = 16,
            }, set),
            model => ((FlowTransformer)model).Generate(2, new FlowGenerateOptions { Seed = 1 }));
    }

    private static IEnumerable<Family> Texts()
    {
        yield return new Family(
            "language-model", Sentences,
            (ml, set) => Set(ml.Transforms.Generative().LanguageModel, new LanguageModelOptions
            {
                Architecture = LanguageModelArchitecture.GptNano with { Layers = 2, Heads = 2, EmbeddingSize = 64, ContextLength = 64 },
                Tokenizer = Tokenizer(),
                BatchSize = 8,
                Generation = new TextGenerationOptions { Temperature = 0, MaxTokens = 8 },
            }, set),
            model => ((LanguageModelTransformer)model).Generate(2));
        yield return new Family(
            "language-model-checkpointed", Sentences,
            (ml, set) => Set(ml.Transforms.Generative().LanguageModel, new LanguageModelOptions
            {
                Architecture = LanguageModelArchitecture.LlamaNano with
                {
                    Layers = 2,
                    Heads = 4,
                    KeyValueHeads = 2,
                    EmbeddingSize = 64,
                    ContextLength = 64,
                },
                Tokenizer = Tokenizer(),
                GradientCheckpointing = true,
                GradientAccumulationSteps = 2,
                BatchSize = 4,
                Generation = new TextGenerationOptions { Temperature = 0, MaxTokens = 8 },
            }, set),
            model => ((LanguageModelTransformer)model).Generate(2));
        yield return new Family(
            "language-model-dropout", Sentences,
            (ml, set) => Set(ml.Transforms.Generative().LanguageModel, new LanguageModelOptions
            {
                Architecture = LanguageModelArchitecture.GptNano with { Layers = 2, Heads = 2, EmbeddingSize = 64, ContextLength = 64 },
                Tokenizer = Tokenizer(),
                Dropout = 0.2,
                GradientCheckpointing = true,
                BatchSize = 8,
                Generation = new TextGenerationOptions { Temperature = 0, MaxTokens = 8 },
            }, set),
            model => ((LanguageModelTransformer)model).Generate(2))
        {
            // Each device drops other values.
            LossTolerance = 0.1,
        };
        yield return new Family(
            "adapter", Sentences,
            (ml, set) => Set(ml.Transforms.Generative().LanguageModel, new LanguageModelOptions
            {
                BaseModel = SameBase(ml),
                Adapter = new LoraOptions { Rank = 4 },
                BatchSize = 8,
                Generation = new TextGenerationOptions { Temperature = 0, MaxTokens = 8 },
            }, set),
            model => ((LanguageModelTransformer)model).Generate(2));
        yield return new Family(
            "reward-model", Pairs,
            (ml, set) => Set(ml.Transforms.Generative().RewardModel, new RewardModelOptions
            {
                BaseModel = SameBase(ml),
                PromptColumnName = "Prompt",
                BatchSize = 8,
            }, set),
            model => model.Transform(
                Outputs.Context().Data.LoadFromEnumerable([new { Prompt = "the cat eats ", Chosen = "fish", Text = "fish" }])));
        yield return new Family(
            "dpo", Pairs,
            (ml, set) => Set(ml.Transforms.Generative().Dpo, new DpoOptions
            {
                BaseModel = SameBase(ml),
                BatchSize = 8,
                Generation = new TextGenerationOptions { Temperature = 0, MaxTokens = 8 },
            }, set),
            model => ((LanguageModelTransformer)model).Generate(2));
        yield return new Family(
            "grpo", Prompts,
            (ml, set) => Set(ml.Transforms.Generative().Grpo, new GrpoOptions
            {
                BaseModel = SameBase(ml),
                Rewards = [TextReward.FromFunction((_, completion) => completion.Count(c => c == 'f'))],
                RolloutPrompts = 2,
                BatchSize = 16,
                MaxTokens = 8,
                KlCoefficient = 0.05,
                Generation = new TextGenerationOptions { Temperature = 0, MaxTokens = 8 },
            }, set),
            model => ((LanguageModelTransformer)model).Generate(2))
        {
            LossTolerance = double.PositiveInfinity,
        };
    }

    private static IEstimator<ITransformer> Set<TOptions>(
        Func<TOptions, IEstimator<ITransformer>> create, TOptions options, Action<TrainingOptions> set)
        where TOptions : TrainingOptions
    {
        set(options);
        return create(options);
    }

    private sealed class Point
    {
        [VectorType(4)]
        public float[] Features { get; set; } = [];
    }
}
