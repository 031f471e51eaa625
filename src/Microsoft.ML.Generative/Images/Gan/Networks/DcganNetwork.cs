using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;
using Conv2d = Microsoft.ML.Generative.Layers.Conv2d;
using ConvTranspose2d = Microsoft.ML.Generative.Layers.ConvTranspose2d;
using Linear = Microsoft.ML.Generative.Layers.Linear;

namespace Microsoft.ML.Generative.Images.Gan.Networks;

/// <summary>The networks of Radford et al. 2015.</summary>
internal sealed class DcganNetworks() : ConvolutionalGanNetworks(GanNetworkKind.Dcgan)
{
    public override bool DiscriminatorHasBatchNormalization => true;

    public override GeneratorNetwork CreateGenerator(GanArchitecture architecture) => new DcganGenerator(architecture);

    public override DiscriminatorNetwork CreateDiscriminator(DiscriminatorArchitecture architecture) =>
        new DcganDiscriminator(architecture);
}

/// <summary>
/// The generator of Radford et al. 2015: z is projected to small maps, which transposed convolutions double; batch normalization and ReLU
/// between them.
/// </summary>
internal sealed class DcganGenerator : GeneratorNetwork
{
    private readonly Linear? labels;
    private readonly Linear projection;
    private readonly ModuleList<BatchNormalization> norms;
    private readonly ModuleList<ConvTranspose2d> layers;

    private readonly GanArchitecture _architecture;
    private readonly HalvedMaps _maps;

    public DcganGenerator(GanArchitecture architecture)
        : base(nameof(DcganGenerator))
    {
        _architecture = architecture;
        _maps = HalvedMaps.Of(architecture.Row.Image!.Value, GanNetworkKind.Dcgan);
        int[] channels = Channels(architecture);
        labels = GanLayers.Embedding(architecture);
        projection = GanLayers.Initialized(
            new Linear(architecture.LatentInputs, (long)channels[0] * _maps.Height * _maps.Width, hasBias: false));
        norms = [.. channels[..^1].Select(c => new BatchNormalization(c, architecture.NormCondition, GanLayers.InitialDeviation))];
        layers = [.. channels.Zip(channels.Skip(1)).Select((c, i) => GanLayers.Initialized(
            new ConvTranspose2d(c.First, c.Second, 4, stride: 2, padding: 1, hasBias: i == _maps.Levels - 1)))];
        RegisterComponents();
    }

    public override Tensor Forward(Tensor z, Tensor? classes)
    {
        Tensor? condition = labels?.call(GanLayers.OneHot(classes!, _architecture.LabelCount)).AsFloat32();
        Tensor x = projection.call(GanLayers.BesideLatent(_architecture, z, condition))
            .view(z.size(0), -1, _maps.Height, _maps.Width); // [batch, channels, height, width] of the smallest maps
        for (int i = 0; i < layers.Count; i++)
            x = layers[i].call(norms[i].Forward(x, condition, slope: 0));
        return x.AsFloat32().tanh();
    }

    // From the smallest maps to the image's own.
    private static int[] Channels(GanArchitecture architecture)
    {
        HalvedMaps maps = HalvedMaps.Of(architecture.Row.Image!.Value, GanNetworkKind.Dcgan);
        return [.. Enumerable.Range(1, maps.Levels).Reverse().Select(level => HalvedMaps.Channels(architecture.BaseChannels, level)),
            architecture.Row.Image!.Value.Channels];
    }
}

/// <summary>The discriminator of Radford et al. 2015: convolutions halve the image, with leaky ReLU between them.</summary>
internal sealed class DcganDiscriminator : DiscriminatorNetwork
{
    private readonly ModuleList<Conv2d> layers;
    private readonly ModuleList<BatchNormalization> norms;
    private readonly Linear score;
    private readonly Linear? labels;

    private readonly DiscriminatorArchitecture _architecture;

    public DcganDiscriminator(DiscriminatorArchitecture architecture)
        : base(nameof(DcganDiscriminator))
    {
        _architecture = architecture;
        ImageShape shape = architecture.Generator.Row.Image!.Value;
        HalvedMaps maps = HalvedMaps.Of(shape, GanNetworkKind.Dcgan);
        bool hasNorms = architecture.Normalization == GanNormalization.Batch;
        int[] channels =
            [shape.Channels + (architecture.ConcatenatesLabels ? 1 : 0), .. Enumerable.Range(1, maps.Levels)
                .Select(level => HalvedMaps.Channels(architecture.Generator.BaseChannels, level))];
        // The first layer has no batch normalization, so that it sees the image as it is.
        layers = [.. channels.Zip(channels.Skip(1)).Select((c, i) => GanLayers.OfDiscriminator(architecture, GanLayers.Initialized(
            new Conv2d(c.First, c.Second, 4, stride: 2, padding: 1, hasBias: !hasNorms || i == 0))))];
        norms = [.. hasNorms ? channels[2..].Select(c => new BatchNormalization(c, 0, GanLayers.InitialDeviation)) : []];
        long places = maps.Height * maps.Width, features = checked(channels[^1] * places);
        score = GanLayers.OfDiscriminator(
            architecture, GanLayers.Initialized(new Linear(features + (architecture.SeesStandardDeviation ? places : 0), 1)));
        if (architecture.LabelCount > 0)
        {
            labels = GanLayers.OfDiscriminator(
                architecture,
                GanLayers.Initialized(
                    new Linear(
                        architecture.LabelCount, architecture.ConcatenatesLabels ? shape.Height * shape.Width : features, hasBias: false)));
        }

        RegisterComponents();
    }

    public override Tensor Forward(Tensor rows, Tensor? classes)
    {
        Tensor? embedded = labels?.call(GanLayers.OneHot(classes!, _architecture.LabelCount));
        Tensor x = rows;
        if (_architecture.ConcatenatesLabels)
            x = cat([x, embedded!.AsFloat32().view(x.size(0), 1, x.size(2), x.size(3))], 1); // [batch, channels + 1, height, width]
        for (int i = 0; i < layers.Count; i++)
        {
            x = layers[i].call(x);
            x = i > 0 && norms.Count > 0 ? norms[i - 1].Forward(x, null, LeakySlope) : x.LeakyRelu(LeakySlope);
        }

        Tensor features = (_architecture.SeesStandardDeviation ? WithDeviation(x) : x).flatten(1); // [batch, channels · places]
        Tensor result = score.call(features).squeeze(1).AsFloat32(); // [batch]
        if (embedded is null || _architecture.ConcatenatesLabels)
            return result;
        // Place by place, as the result itself is made: two halvings leave too little of a class in sums over all places.
        return result.Plus((x.flatten(1).AsFloat32() * embedded.AsFloat32()).sum([1])); // [batch]
    }
}
