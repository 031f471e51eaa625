using System.Text.Json.Serialization;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Gan.Networks;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Serialization;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Gan;

/// <summary>What a model file says of the generator beside its weights.</summary>
/// <param name="Options">The options of the training.</param>
/// <param name="Shape">The images' shape, or <see langword="null"/> for other vectors.</param>
/// <param name="RowSize">Values a row.</param>
/// <param name="LabelCount">Classes that can be asked for; 0: none.</param>
/// <param name="Seed">Of the noise of rows that are transformed.</param>
internal sealed record GanConfig(GanOptions Options, ImageShape? Shape, int RowSize, int LabelCount, long Seed) : IModelConfig<GeneratorNetwork>
{
    private const int RenewingPasses = 32;

    [JsonIgnore]
    public long[] RowShape => Shape is { } s ? [s.Channels, s.Height, s.Width] : [RowSize];

    [JsonIgnore]
    public VectorDataViewType RowType => Shape?.VectorType(NumberDataViewType.Single) ?? new VectorDataViewType(NumberDataViewType.Single, RowSize);

    [JsonIgnore]
    public GanNetworkKind Architecture => Options.Network ?? (Shape is null ? GanNetworkKind.Mlp : GanNetworkKind.Dcgan);

    /// <summary>Width of what goes into the generator: z, and perhaps an embedding of the class beside it.</summary>
    [JsonIgnore]
    public long LatentInputs => (long)Options.LatentSize + (GeneratorConditioning == GanGeneratorConditioning.Concatenation ? Options.LabelEmbeddingSize : 0);

    /// <summary>How the generator is told the class; <see langword="null"/>: there are no classes.</summary>
    [JsonIgnore]
    public GanGeneratorConditioning? GeneratorConditioning => LabelCount == 0 ? null : Options.GeneratorConditioning;

    /// <summary>Width of what the generator's normalizations follow; 0: nothing.</summary>
    [JsonIgnore]
    public int NormCondition => GeneratorConditioning == GanGeneratorConditioning.BatchNormalization ? Options.LabelEmbeddingSize : 0;

    /// <summary>Numbers in the generator's table of classes.</summary>
    [JsonIgnore]
    public long EmbeddingNumbers => LabelCount == 0 ? 0 : checked((long)LabelCount * Options.LabelEmbeddingSize);

    /// <summary>Whether the discriminator sees an embedding of the class beside its input.</summary>
    [JsonIgnore]
    public bool ConcatenatesLabels => LabelCount > 0 && Options.LabelConditioning == GanLabelConditioning.Concatenation;

    /// <summary>Size of the generator's weights.</summary>
    [JsonIgnore]
    public long WeightBytes => checked(sizeof(float) * Architecture switch
    {
        GanNetworkKind.Mlp => MlpGenerator.CountNumbers(this),
        GanNetworkKind.Residual => ResidualGenerator.CountNumbers(this),
        _ => DcganGenerator.CountNumbers(this),
    });

    /// <summary>A generator with weights drawn from libtorch's own generator.</summary>
    public GeneratorNetwork CreateGenerator() => Architecture switch
    {
        GanNetworkKind.Mlp => new MlpGenerator(this),
        GanNetworkKind.Residual => new ResidualGenerator(this),
        _ => new DcganGenerator(this),
    };

    GeneratorNetwork IModelConfig<GeneratorNetwork>.CreateNetwork() => CreateGenerator();

    /// <summary>A discriminator with weights drawn from libtorch's own generator.</summary>
    public DiscriminatorNetwork CreateDiscriminator() => Architecture switch
    {
        GanNetworkKind.Mlp => new MlpDiscriminator(this),
        GanNetworkKind.Residual => new ResidualDiscriminator(this),
        _ => new DcganDiscriminator(this),
    };

    /// <summary>Classes drawn at random, [rows], or <see langword="null"/> if there are none.</summary>
    public Tensor? DrawLabels(long rows, Generator generator) =>
        LabelCount == 0 ? null : randint(0, LabelCount, [rows], ScalarType.Int64, generator: generator);

    /// <summary>Gives a generator's batch normalizations the averages that belong to its weights as they are.</summary>
    public void RenewAverages(GeneratorNetwork network, Device device, Generator generator) => BatchNormalization.Renew(network, RenewingPasses, () => network.Forward(
        randn([Options.BatchSize, Options.LatentSize], generator: generator).to(device), DrawLabels(Options.BatchSize, generator)?.to(device)));

    /// <exception cref="ArgumentException">Shape and options do not go together.</exception>
    public void CheckShape()
    {
        if (Shape is { IsPossible: false })
            throw new ArgumentException($"there are no images of {Shape}");
        if (Shape is null && Architecture != GanNetworkKind.Mlp)
            throw new ArgumentException(
                $"{nameof(GanOptions.Network)} is {Architecture}, but column '{Options.InputColumnName}' does not tell the shape of its images: set Height and Width (and Channels, unless 1), or use {GanNetworkKind.Mlp}.");
        bool isMlp = Architecture == GanNetworkKind.Mlp;
        string noImages = $"column '{Options.InputColumnName}' holds no images";
        GanOptions.Refuse(Shape is null && Options.Augmentation != GanAugmentations.None, nameof(GanOptions.Augmentation), Options.Augmentation, noImages);
        GanOptions.Refuse(Shape is null && Options.SampleDirectory is not null, nameof(GanOptions.SampleDirectory), Options.SampleDirectory, noImages);
        string noConvolutions = $"networks of kind {GanNetworkKind.Mlp} have neither convolutions nor batch normalization";
        GanOptions.Refuse(isMlp && Options.BaseChannels != GanOptions.Defaults.BaseChannels, nameof(GanOptions.BaseChannels), Options.BaseChannels, noConvolutions);
        GanOptions.Refuse(isMlp && GeneratorConditioning == GanGeneratorConditioning.BatchNormalization, nameof(GanOptions.GeneratorConditioning), GeneratorConditioning, noConvolutions);
        GanOptions.Refuse(isMlp && Options.Normalization == GanNormalization.Batch, nameof(GanOptions.DiscriminatorNormalization), Options.Normalization, noConvolutions);
        GanOptions.Refuse(!isMlp && !Options.HiddenSizes.SequenceEqual(GanOptions.Defaults.HiddenSizes), nameof(GanOptions.HiddenSizes), $"[{string.Join(", ", Options.HiddenSizes)}]",
            $"networks of kind {Architecture} have {nameof(GanOptions.BaseChannels)} instead");
        if (Architecture != GanNetworkKind.Mlp)
            _ = HalvedMaps.Of(Shape!.Value, Architecture);
        _ = WeightBytes;
    }

    /// <exception cref="InvalidDataException">The parts contradict each other.</exception>
    public void Validate() => ModelFile.CheckConfig(() =>
    {
        Options.Validate();
        OptionChecks.AtLeast(RowSize, 1);
        LabelCounts.CheckColumn(LabelCount, Options.LabelColumnName);
        Shape?.CheckSize(RowSize);
        CheckShape();
    });
}
