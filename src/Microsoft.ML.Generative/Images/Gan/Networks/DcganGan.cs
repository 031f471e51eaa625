using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative;

/// <summary>How often pictures are halved, and what is left of them, in the networks of Radford et al. 2015.</summary>
/// <param name="Levels">Halvings.</param>
/// <param name="Height">Height of the smallest feature maps.</param>
/// <param name="Width">Width of the smallest feature maps.</param>
internal readonly record struct DcganLevels(int Levels, int Height, int Width)
{
    private const int SmallestMap = 4;
    private const int Smallest = 16;
    private const int Largest = 256;
    private const int MostDoublings = 3;

    /// <exception cref="ArgumentException">Pictures of this size cannot be halved to maps of 4 to 7 pixels.</exception>
    public static DcganLevels Of(ImageShape shape)
    {
        int side = Math.Min(shape.Height, shape.Width);
        if (side < Smallest || Math.Max(shape.Height, shape.Width) > Largest)
            throw new ArgumentException($"{nameof(GanArchitecture)}.{GanArchitecture.Dcgan} draws pictures of {Smallest} to {Largest} pixels a side; found {shape.Width}×{shape.Height}.");
        int levels = (int)Math.Log2((double)side / SmallestMap);
        int unit = 1 << levels;
        if (shape.Height % unit != 0 || shape.Width % unit != 0)
            throw new ArgumentException($"Pictures of {shape.Width}×{shape.Height} pixels cannot be halved {levels} times: resize them to multiples of {unit}, such as {(shape.Width + unit - 1) / unit * unit}×{(shape.Height + unit - 1) / unit * unit}.");
        return new DcganLevels(levels, shape.Height / unit, shape.Width / unit);
    }

    /// <summary>Channels of the maps after so many halvings, 1 to <see cref="Levels"/>.</summary>
    public static int Channels(GanOptions options, int halvings) => checked(options.BaseChannels << Math.Min(halvings - 1, MostDoublings));
}

/// <summary>
/// The generator of Radford et al. 2015: z is projected to small maps, which transposed convolutions double; batch normalisation and ReLU between them.
/// </summary>
internal sealed class DcganGenerator : GeneratorNetwork
{
    private readonly nn.Module<Tensor, Tensor>? labels;
    private readonly nn.Module<Tensor, Tensor> projection;
    private readonly ModuleList<BatchNormalization> norms;
    private readonly ModuleList<nn.Module<Tensor, Tensor>> layers;

    private readonly GanConfig _config;
    private readonly DcganLevels _levels;

    public DcganGenerator(GanConfig config)
        : base(nameof(DcganGenerator))
    {
        _config = config;
        _levels = DcganLevels.Of(config.Shape!.Value);
        int[] channels = Channels(config);
        if (config.LabelCount > 0)
            labels = GanLayers.Embedding(config.LabelCount, config.Options.LabelEmbeddingSize);
        projection = GanLayers.Initialized(Layer.Linear(config.LatentInputs, (long)channels[0] * _levels.Height * _levels.Width, hasBias: false));
        norms = [.. channels[..^1].Select(c => new BatchNormalization(c, config.NormClasses, GanLayers.InitialDeviation))];
        layers = [.. channels.Zip(channels.Skip(1)).Select((c, i) => (nn.Module<Tensor, Tensor>)GanLayers.Initialized(
            Layer.ConvTranspose2d(c.First, c.Second, 4, stride: 2, padding: 1, hasBias: i == _levels.Levels - 1)))];
        RegisterComponents();
    }

    public static long CountNumbers(GanConfig config)
    {
        DcganLevels levels = DcganLevels.Of(config.Shape!.Value);
        int[] channels = Channels(config);
        long embedding = config.LabelCount > 0 ? checked((long)config.LabelCount * config.Options.LabelEmbeddingSize) : 0;
        long projected = checked(config.LatentInputs * channels[0] * levels.Height * levels.Width);
        return checked(embedding + projected + channels[..^1].Sum(c => BatchNormalization.CountParameters(c, config.NormClasses))
            + channels.Zip(channels.Skip(1)).Sum(c => checked(16L * c.First * c.Second)) + channels[^1]);
    }

    public override Tensor Forward(Tensor z, Tensor? classes)
    {
        Tensor x = labels is null ? z : cat([z, labels.call(GanLayers.OneHot(classes!, _config.LabelCount)).AsFloat32()], 1);
        x = projection.call(x).view(z.size(0), -1, _levels.Height, _levels.Width);
        for (int i = 0; i < layers.Count; i++)
            x = layers[i].call(F.relu(norms[i].Forward(x, classes)));
        return x.AsFloat32().tanh();
    }

    // From the smallest maps to the picture's own.
    private static int[] Channels(GanConfig config)
    {
        DcganLevels levels = DcganLevels.Of(config.Shape!.Value);
        return [.. Enumerable.Range(1, levels.Levels).Reverse().Select(level => DcganLevels.Channels(config.Options, level)), config.Shape!.Value.Channels];
    }
}

/// <summary>The discriminator of Radford et al. 2015: convolutions halve the picture, with leaky ReLU between them.</summary>
internal sealed class DcganDiscriminator : DiscriminatorNetwork
{
    private readonly ModuleList<nn.Module<Tensor, Tensor>> layers;
    private readonly ModuleList<BatchNormalization> norms;
    private readonly nn.Module<Tensor, Tensor> score;
    private readonly nn.Module<Tensor, Tensor>? labels;

    private readonly GanConfig _config;

    public DcganDiscriminator(GanConfig config)
        : base(nameof(DcganDiscriminator))
    {
        _config = config;
        GanOptions options = config.Options;
        ImageShape shape = config.Shape!.Value;
        DcganLevels levels = DcganLevels.Of(shape);
        bool hasNorms = options.Normalization == GanNormalization.Batch;
        int[] channels = [shape.Channels + (config.ConcatenatesLabels ? 1 : 0), .. Enumerable.Range(1, levels.Levels).Select(level => DcganLevels.Channels(options, level))];
        // The first layer has no batch normalisation, so that it sees the picture as it is.
        layers = [.. channels.Zip(channels.Skip(1)).Select((c, i) => GanLayers.OfDiscriminator(options, GanLayers.Initialized(
            Layer.Conv2d(c.First, c.Second, 4, stride: 2, padding: 1, hasBias: !hasNorms || i == 0))))];
        norms = [.. hasNorms ? channels[2..].Select(c => new BatchNormalization(c, 0, GanLayers.InitialDeviation)) : []];
        long features = checked((channels[^1] + (options.MinibatchDeviation ? 1L : 0)) * levels.Height * levels.Width);
        score = GanLayers.OfDiscriminator(options, GanLayers.Initialized(Layer.Linear(features, 1)));
        if (config.LabelCount > 0)
            labels = GanLayers.OfDiscriminator(options, Layer.Linear(config.LabelCount, config.ConcatenatesLabels ? shape.Height * shape.Width : channels[^1], hasBias: false));
        RegisterComponents();
    }

    public override Tensor Forward(Tensor rows, Tensor? classes)
    {
        Tensor? embedded = labels?.call(GanLayers.OneHot(classes!, _config.LabelCount));
        Tensor x = rows;
        if (_config.ConcatenatesLabels)
            x = cat([x, embedded!.AsFloat32().view(x.size(0), 1, x.size(2), x.size(3))], 1);
        for (int i = 0; i < layers.Count; i++)
        {
            x = layers[i].call(x);
            if (i > 0 && norms.Count > 0)
                x = norms[i - 1].Forward(x, null);
            x = F.leaky_relu(x, LeakySlope);
        }

        Tensor result = score.call((_config.Options.MinibatchDeviation ? WithDeviation(x) : x).flatten(1)).squeeze(1).AsFloat32();
        return embedded is null || _config.ConcatenatesLabels ? result : result.Plus((x.sum([2, 3]) * embedded).sum([1]).AsFloat32());
    }
}
