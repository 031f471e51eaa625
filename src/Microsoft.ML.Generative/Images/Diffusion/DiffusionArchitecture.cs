using System.Text.Json.Serialization;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Schedulers;

namespace Microsoft.ML.Generative.Images.Diffusion;

/// <summary>What defines a diffusion model: its network, and what the network predicts.</summary>
internal sealed record DiffusionArchitecture
{
    public required ImageShape Shape { get; init; }

    /// <summary>The shape of the low-resolution images that the model is conditioned on, if it is.</summary>
    public ImageShape? LowResolution { get; init; }

    /// <summary>Classes that the model is conditioned on; 0: none.</summary>
    public int LabelCount { get; init; }

    /// <summary>Whether the network has one more class, that of images without one, for guidance.</summary>
    public bool HasNullLabel { get; init; }

    /// <summary>The network, if it is a U-Net.</summary>
    public UNetArchitecture? UNet { get; init; }

    /// <summary>The network, if it is a diffusion transformer.</summary>
    public DitArchitecture? Dit { get; init; }

    public required DiffusionProcess Process { get; init; }

    public required NoiseScheduleOptions NoiseSchedule { get; init; }

    public required PredictionType Prediction { get; init; }

    public bool LearnsVariance { get; init; }

    [JsonIgnore]
    public VectorDataViewType RowType => Shape.VectorType(NumberDataViewType.Single);

    private int InChannels => Shape.Channels * (LowResolution is null ? 1 : 2);

    private int OutChannels => Shape.Channels * (LearnsVariance ? 2 : 1);

    private int ClassCount => LabelCount + (HasNullLabel ? 1 : 0);

    /// <param name="options">Checked options.</param>
    /// <param name="shape">The shape of the data's images.</param>
    /// <param name="labelCount">The classes of the data; 0: none.</param>
    /// <param name="lowResolution">The shape of the data's low-resolution images, if there are some.</param>
    public static DiffusionArchitecture Of(DiffusionOptions options, ImageShape shape, int labelCount, ImageShape? lowResolution)
    {
        var architecture = new DiffusionArchitecture
        {
            Shape = shape,
            LowResolution = lowResolution,
            LabelCount = labelCount,
            HasNullLabel = options.HasNullLabel,
            Process = options.Process,
            NoiseSchedule = options.NoiseSchedule,
            Prediction = options.Prediction,
            LearnsVariance = options.LearnsVariance,
        };
        return options.Network == DiffusionNetworkKind.UNet
            ? architecture with { UNet = architecture.UNetOf(options) }
            : architecture with { Dit = architecture.DitOf(options) };
    }

    /// <summary>Creates the network, with weights from libtorch's own generator.</summary>
    /// <param name="dropout">The part of the values that is dropped while training.</param>
    public DenoiserNetwork CreateNetwork(double dropout = 0) =>
        UNet is not null ? new UNetNetwork(UNet, dropout) : new DitNetwork(Dit!, dropout);

    /// <exception cref="ArgumentException">There is no such model; the message names the member.</exception>
    public void Validate()
    {
        if (!Shape.IsPossible)
            throw new ArgumentException($"there are no images of {Shape}");
        OptionChecks.AtLeast(LabelCount, 0);
        if (HasNullLabel && LabelCount == 0)
            throw new ArgumentException($"{nameof(HasNullLabel)} is set, but there are no classes");
        OptionChecks.Defined(Process);
        NoiseSchedule.Validate();
        OptionChecks.Defined(Prediction);
        if (UNet is null == Dit is null)
            throw new ArgumentException($"expected one network, {nameof(UNet)} or {nameof(Dit)}");
        if (UNet is not null)
            ValidateUNet(UNet);
        else
            ValidateDit(Dit!);
    }

    private void ValidateUNet(UNetArchitecture network)
    {
        network.Validate();
        CheckNetwork(network.InChannels, network.OutChannels, network.ClassCount);
        int granularity = network.Granularity;
        if (Shape.Height % granularity != 0 || Shape.Width % granularity != 0)
            throw new ArgumentException(
                $"Images of {Shape.Width}×{Shape.Height} pixels cannot be halved {network.Levels - 1} times: "
                + $"resize them to multiples of {granularity}, or give {nameof(DiffusionOptions.BlockChannels)} fewer levels.");
    }

    private void ValidateDit(DitArchitecture network)
    {
        network.Validate();
        CheckNetwork(network.InChannels, network.OutChannels, network.ClassCount);
        if (network.Height != Shape.Height || network.Width != Shape.Width)
            throw new ArgumentException(
                $"a network for images of {network.Width}×{network.Height} pixels cannot be combined with images of {Shape}");
    }

    private void CheckNetwork(int inChannels, int outChannels, int classCount)
    {
        if (inChannels != InChannels || outChannels != OutChannels || classCount != ClassCount)
            throw new ArgumentException(
                $"a network of {inChannels} channels in, {outChannels} out and {classCount} classes cannot be combined with {InChannels}, "
                + $"{OutChannels} and {ClassCount}");
    }

    private UNetArchitecture UNetOf(DiffusionOptions options)
    {
        UNetBlockKind[] kinds =
            [.. Enumerable.Range(0, options.BlockChannels.Length).Select(
                level => options.AttentionLevels.Contains(level) ? UNetBlockKind.Attention : UNetBlockKind.Plain)];
        // diffusers knows one size of heads; where it does not fit all levels, each has one head.
        bool headSizeFits = options.AttentionLevels.Append(options.BlockChannels.Length - 1).All(
            level => options.BlockChannels[level] % options.AttentionHeadSize == 0);
        return new UNetArchitecture
        {
            InChannels = InChannels,
            OutChannels = OutChannels,
            BlockOutChannels = options.BlockChannels,
            LayersPerBlock = options.LayersPerBlock,
            DownBlocks = kinds,
            UpBlocks = [.. kinds.Reverse()],
            AttentionHeadSize = headSizeFits ? options.AttentionHeadSize : null,
            NormGroups = options.NormGroups,
            ClassCount = ClassCount,
            ContextTokens = options.LabelConditioning == DiffusionLabelConditioning.CrossAttention ? options.ContextTokens : 0,
        };
    }

    private DitArchitecture DitOf(DiffusionOptions options) => new()
    {
        InChannels = InChannels,
        OutChannels = OutChannels,
        Height = Shape.Height,
        Width = Shape.Width,
        PatchSize = options.PatchSize,
        HiddenSize = options.DitEmbeddingSize,
        Layers = options.DitLayers,
        Heads = options.DitHeads,
        ClassCount = ClassCount,
    };
}
