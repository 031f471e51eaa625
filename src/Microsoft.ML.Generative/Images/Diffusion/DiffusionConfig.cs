using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Images.Diffusion.Sampling;
using Microsoft.ML.Generative.Schedulers;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Images.Diffusion;

/// <summary>What a model file says of the network beside its weights.</summary>
/// <param name="Options">The options of the training.</param>
/// <param name="Shape">The images.</param>
/// <param name="LabelCount">Classes that can be asked for; 0: none.</param>
/// <param name="LowResolution">The smaller images that it is conditioned on, if it is.</param>
/// <param name="Seed">Of the noise of rows that are transformed.</param>
internal sealed record DiffusionConfig(DiffusionOptions Options, ImageShape Shape, int LabelCount, ImageShape? LowResolution, long Seed)
    : IModelConfig<DenoiserNetwork>
{
    /// <summary>The U-Net of a folder, where it is not that of the options.</summary>
    public UNetArchitecture? LoadedUNet { get; init; }

    /// <summary>The scheduler of a folder.</summary>
    public JsonObject? LoadedScheduler { get; init; }

    [JsonIgnore]
    public VectorDataViewType RowType => Shape.VectorType(NumberDataViewType.Single);

    /// <summary>The class of images without one, or <see langword="null"/> if the model cannot be guided.</summary>
    [JsonIgnore]
    public int? NullLabel => Options.HasNullLabel ? LabelCount : null;

    [JsonIgnore]
    public long WeightBytes => checked(sizeof(float) * (Options.Network == DiffusionNetworkKind.UNet ? UNetSize.CountParameters(UNet) : Transformer.CountParameters()));

    [JsonIgnore]
    public UNetArchitecture UNet => LoadedUNet ?? new UNetArchitecture
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
    public DitArchitecture Transformer => new()
    {
        InChannels = InChannels,
        OutChannels = OutChannels,
        Height = Shape.Height,
        Width = Shape.Width,
        PatchSize = Options.PatchSize,
        HiddenSize = Options.DitEmbeddingSize,
        Layers = Options.DitLayers,
        Heads = Options.DitHeads,
        ClassCount = ClassCount,
        Dropout = Options.Dropout,
    };

    private int InChannels => Shape.Channels * (LowResolution is null ? 1 : 2);

    private int OutChannels => Shape.Channels * (Options.LearnsVariance ? 2 : 1);

    private int ClassCount => Options.LabelColumnName is null ? 0 : LabelCount + (Options.HasNullLabel ? 1 : 0);

    private bool HeadSizeFits => Options.AttentionLevels.Append(Options.BlockChannels.Length - 1).All(level => Options.BlockChannels[level] % Options.AttentionHeadSize == 0);

    /// <summary>A network of this form, with weights drawn from libtorch's generator.</summary>
    public DenoiserNetwork CreateNetwork() => Options.Network == DiffusionNetworkKind.UNet ? new UNetNetwork(UNet) : new DitNetwork(Transformer);

    /// <exception cref="ArgumentException">Shape and options do not go together.</exception>
    public void CheckShape()
    {
        if (!Shape.IsPossible)
            throw new ArgumentException($"there are no images of {Shape}");
        if (Options.Network == DiffusionNetworkKind.Dit)
        {
            Transformer.Validate();
        }
        else
        {
            UNet.Validate();
            int granularity = UNet.Granularity;
            if (Shape.Height % granularity != 0 || Shape.Width % granularity != 0)
                throw new ArgumentException(
                    $"Images of {Shape.Width}×{Shape.Height} pixels cannot be halved {UNet.Levels - 1} times: resize them to multiples of {granularity}, or give {nameof(DiffusionOptions.BlockChannels)} fewer levels.");
        }

        if (LowResolution is { } low && (!low.IsPossible || low.Channels != Shape.Channels || Shape.Height % low.Height != 0 || Shape.Width % low.Width != 0))
            throw new ArgumentException($"Smaller images of {low} do not go with images of {Shape}: expected the same channels, and a height and width that divide theirs.");
    }

    /// <exception cref="InvalidDataException">The parts contradict each other.</exception>
    public void Validate() => ModelFile.CheckConfig(() =>
    {
        Options.Validate();
        CheckShape();
        LabelCounts.CheckColumn(LabelCount, Options.LabelColumnName);
        if (LowResolution is null != Options.LowResolutionColumnName is null)
            throw new ArgumentException($"the smaller images do not go with the column '{Options.LowResolutionColumnName}'");
        if (LoadedUNet is { } loaded && (loaded.InChannels != InChannels || loaded.OutChannels != OutChannels || loaded.ClassCount != ClassCount || Options.Network != DiffusionNetworkKind.UNet))
            throw new ArgumentException("the network of the folder is not one of these images");
        _ = WeightBytes;
        using NoiseScheduler _scheduler = DiffusionSamplers.Create(this, DiffusionSampler.Default, eta: 0);
    });

    private UNetBlockKind Kind(int level) => Options.AttentionLevels.Contains(level) ? UNetBlockKind.Attention : UNetBlockKind.Plain;
}
