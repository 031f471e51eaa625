using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Images.Diffusion.Sampling;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Schedulers;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Images.Diffusion;

/// <summary>A diffusion model without its weights.</summary>
internal sealed record DiffusionDefinition(DiffusionArchitecture Architecture, DiffusionColumns Columns, DiffusionDefaults Defaults)
    : IModelDefinition<DiffusionDefinition>
{
    /// <exception cref="ArgumentException">Architecture and columns contradict each other.</exception>
    [JsonIgnore]
    public ConditionSet Conditions => Columns.Conditions(Architecture);

    [JsonIgnore]
    public Component<DenoiserNetwork> Denoiser => new("denoiser", () => Architecture.CreateNetwork());

    /// <summary>The adapters; <see langword="null"/>: there are none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public LoraShape[]? Adapters { get; init; }

    /// <summary>The name of the active adapter; <see langword="null"/>: none is.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ActiveAdapter { get; init; }

    [JsonIgnore]
    public IReadOnlyList<Component<LoraWeights>> AdapterComponents =>
        LoraShapes.Components(Adapters, () => Architecture.CreateNetwork());

    [JsonIgnore]
    public IReadOnlyList<Component> Components => [Denoiser, .. AdapterComponents];

    public static DiffusionDefinition Of(
        DiffusionOptions options, ImageShape shape, int labelCount, ImageShape? lowResolution, long seed) => new(
            DiffusionArchitecture.Of(options, shape, labelCount, lowResolution),
            DiffusionColumns.Of(options),
            DiffusionDefaults.Of(options, seed));

    public static DiffusionDefinition ReadOldFormat(JsonObject config) => DiffusionOldFormats.Read(config);

    public void Validate()
    {
        Architecture.Validate();
        Columns.Validate();
        Defaults.Validate();
        LoraShapes.Validate(Adapters, ActiveAdapter);
        _ = Conditions;
        if (Defaults.GuidanceScale != 1 && !Architecture.HasNullLabel)
            throw new ArgumentException(
                $"{nameof(Defaults.GuidanceScale)} is {Defaults.GuidanceScale}, but the network has no class of images without one");
        using NoiseScheduler _scheduler = DiffusionSamplers.Create(this, DiffusionSampler.Default, eta: 0);
    }
}

/// <summary>The columns that a diffusion model reads and adds.</summary>
internal sealed record DiffusionColumns
{
    public required string Input { get; init; }

    public string? Label { get; init; }

    /// <summary>What the classes stand for; <see langword="null"/>: their numbers alone.</summary>
    public ClassLabels? Classes { get; init; }

    public string? LowResolution { get; init; }

    public string? Seed { get; init; }

    public required string Generated { get; init; }

    /// <summary>The column of <see cref="Generated"/> as images of ML.NET, if there is one.</summary>
    public string? GeneratedImage { get; init; }

    public static DiffusionColumns Of(DiffusionOptions options) => new()
    {
        Input = options.InputColumnName,
        Label = options.LabelColumnName,
        LowResolution = options.LowResolutionColumnName,
        Seed = options.SeedColumnName,
        Generated = options.GeneratedColumnName,
        GeneratedImage = options.GeneratedImageColumnName,
    };

    /// <summary>The model's conditions, in these columns.</summary>
    /// <exception cref="ArgumentException">Architecture and columns contradict each other.</exception>
    public ConditionSet Conditions(DiffusionArchitecture architecture) => new(
        LabelCondition.Create(Label, architecture.LabelCount, architecture.HasNullLabel, Classes),
        ImageCondition.Create(LowResolution, architecture.LowResolution, architecture.Shape));

    /// <exception cref="ArgumentException">A name is empty.</exception>
    public void Validate()
    {
        OptionChecks.NotEmpty(Input);
        OptionChecks.NullOrNotEmpty(Label);
        OptionChecks.NullOrNotEmpty(LowResolution);
        OptionChecks.NullOrNotEmpty(Seed);
        OptionChecks.DifferentNames([Generated], GeneratedImage);
    }
}

/// <summary>How a diffusion model generates where nothing else is asked for.</summary>
internal sealed record DiffusionDefaults
{
    public DiffusionSampler Sampler { get; init; }

    /// <summary>Of a loaded folder: the sampler's configuration as diffusers has it, where <see cref="Sampler"/> names no other.</summary>
    public JsonObject? Scheduler { get; init; }

    public required int Steps { get; init; }

    public double GuidanceScale { get; init; } = 1;

    /// <inheritdoc cref="DiffusionOptions.TransformStrength"/>
    public double TransformStrength { get; init; } = 1;

    public required int TransformBatchSize { get; init; }

    /// <summary>Of the noise of rows that are transformed.</summary>
    public required long Seed { get; init; }

    /// <summary>Bytes that the rows of an evaluation may take: those of the training, in its own process.</summary>
    [JsonIgnore]
    public long RowMemory { get; init; } = TrainingOptions.DefaultRowMemory;

    public static DiffusionDefaults Of(DiffusionOptions options, long seed) => new()
    {
        Sampler = options.Sampler,
        Steps = options.Steps,
        GuidanceScale = options.GuidanceScale,
        TransformStrength = options.TransformStrength,
        TransformBatchSize = options.TransformBatchSize,
        Seed = seed,
        RowMemory = options.RowMemory,
    };

    /// <exception cref="ArgumentException">A value is out of its range.</exception>
    public void Validate()
    {
        OptionChecks.Defined(Sampler);
        OptionChecks.AtLeast(Steps, 1);
        OptionChecks.Between(GuidanceScale, 0, DiffusionGenerateOptions.MostGuidance);
        OptionChecks.Between(TransformStrength, 0, 1);
        OptionChecks.RowsAtOnce(TransformBatchSize);
    }
}
