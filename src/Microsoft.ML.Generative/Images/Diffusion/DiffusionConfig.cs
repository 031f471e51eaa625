using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.ML.Data;

namespace Microsoft.ML.Generative;

/// <summary>What a model file says of the network beside its weights.</summary>
/// <param name="Options">The options of the training.</param>
/// <param name="Shape">The pictures.</param>
/// <param name="LabelCount">Classes that can be asked for; 0: none.</param>
/// <param name="LowResolution">The smaller pictures that it is conditioned on, if it is.</param>
/// <param name="Seed">Of the noise of rows that are transformed.</param>
internal sealed record DiffusionConfig(DiffusionOptions Options, ImageShape Shape, int LabelCount, ImageShape? LowResolution, long Seed)
    : IModelConfig<DenoiserNetwork>
{
    /// <summary>The U-Net of a folder, where it is not that of the options.</summary>
    public UNetConfig? LoadedUNet { get; init; }

    /// <summary>The scheduler of a folder.</summary>
    public JsonObject? LoadedScheduler { get; init; }

    [JsonIgnore]
    public VectorDataViewType RowType => Shape.VectorType(NumberDataViewType.Single);

    /// <summary>The class of pictures without one, or <see langword="null"/> if the model cannot be guided.</summary>
    [JsonIgnore]
    public int? NullLabel => Options.HasNullLabel ? LabelCount : null;

    [JsonIgnore]
    public long WeightBytes => checked(sizeof(float) * (Options.Architecture == DiffusionArchitecture.UNet ? UNetSize.CountParameters(UNet) : Transformer.CountParameters()));

    [JsonIgnore]
    public UNetConfig UNet => LoadedUNet ?? new UNetConfig
    {
        InChannels = InChannels,
        OutChannels = OutChannels,
        BlockOutChannels = Options.BlockChannels,
        LayersPerBlock = Options.LayersPerBlock,
        DownBlocks = [.. Options.BlockChannels.Select((_, level) => Kind(level))],
        UpBlocks = [.. Options.BlockChannels.Select((_, level) => Kind(level)).Reverse()],
        // diffusers knows one size of heads; where it does not fit all levels, each has one head.
        AttentionHeadSize = HeadSizeFits ? Options.AttentionHeadSize : null,
        NormGroups = Options.NormGroups,
        Dropout = Options.Dropout,
        ClassCount = ClassCount,
        ContextTokens = Options.LabelConditioning == DiffusionLabelConditioning.CrossAttention ? Options.ContextTokens : 0,
    };

    [JsonIgnore]
    public DiffusionTransformerConfig Transformer => new()
    {
        InChannels = InChannels,
        OutChannels = OutChannels,
        Height = Shape.Height,
        Width = Shape.Width,
        PatchSize = Options.PatchSize,
        HiddenSize = Options.TransformerSize,
        Layers = Options.TransformerLayers,
        Heads = Options.TransformerHeads,
        ClassCount = ClassCount,
        Dropout = Options.Dropout,
    };

    private int InChannels => Shape.Channels * (LowResolution is null ? 1 : 2);

    private int OutChannels => Shape.Channels * (Options.LearnsVariance ? 2 : 1);

    private int ClassCount => Options.LabelColumnName is null ? 0 : LabelCount + (Options.HasNullLabel ? 1 : 0);

    private bool HeadSizeFits => Options.AttentionLevels.Append(Options.BlockChannels.Length - 1).All(level => Options.BlockChannels[level] % Options.AttentionHeadSize == 0);

    /// <summary>A network of this form, with weights drawn from libtorch's generator.</summary>
    public DenoiserNetwork CreateNetwork() => Options.Architecture == DiffusionArchitecture.UNet ? new UNetNetwork(UNet) : new DiffusionTransformerNetwork(Transformer);

    /// <exception cref="ArgumentException">Shape and options do not go together.</exception>
    public void CheckShape()
    {
        if (!Shape.IsPossible)
            throw new ArgumentException($"there are no images of {Shape}");
        if (Options.Architecture == DiffusionArchitecture.Transformer)
        {
            Transformer.Validate();
        }
        else
        {
            UNet.Validate();
            int granularity = UNet.Granularity;
            if (Shape.Height % granularity != 0 || Shape.Width % granularity != 0)
                throw new ArgumentException(
                    $"Pictures of {Shape.Width}×{Shape.Height} pixels cannot be halved {UNet.Levels - 1} times: resize them to multiples of {granularity}, or give {nameof(DiffusionOptions.BlockChannels)} fewer levels.");
        }

        if (LowResolution is { } low && (!low.IsPossible || low.Channels != Shape.Channels || Shape.Height % low.Height != 0 || Shape.Width % low.Width != 0))
            throw new ArgumentException($"Smaller pictures of {low} do not go with pictures of {Shape}: expected the same channels, and a height and width that divide theirs.");
    }

    /// <exception cref="InvalidDataException">The parts contradict each other.</exception>
    public void Validate() => ModelFile.CheckConfig(() =>
    {
        Options.Validate();
        CheckShape();
        LabelCounts.CheckColumn(LabelCount, Options.LabelColumnName);
        if (LowResolution is null != Options.LowResolutionColumnName is null)
            throw new ArgumentException($"the smaller pictures do not go with the column '{Options.LowResolutionColumnName}'");
        if (LoadedUNet is { } loaded && (loaded.InChannels != InChannels || loaded.OutChannels != OutChannels || loaded.ClassCount != ClassCount || Options.Architecture != DiffusionArchitecture.UNet))
            throw new ArgumentException("the network of the folder is not one of these pictures");
        _ = WeightBytes;
        using NoiseScheduler _scheduler = DiffusionSamplers.Create(this, DiffusionSampler.Default, eta: 0);
    });

    private UNetBlockKind Kind(int level) => Options.AttentionLevels.Contains(level) ? UNetBlockKind.Attention : UNetBlockKind.Plain;
}
