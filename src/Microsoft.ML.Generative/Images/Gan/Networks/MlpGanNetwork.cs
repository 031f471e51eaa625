using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;
using Linear = Microsoft.ML.Generative.Layers.Linear;

namespace Microsoft.ML.Generative.Images.Gan.Networks;

/// <summary>A generator of fully connected layers; its values are in −1..1 for images, without bounds for other rows.</summary>
internal sealed class MlpGenerator : GeneratorNetwork
{
    private readonly Linear? labels;
    private readonly ModuleList<Linear> layers;

    private readonly GanConfig _config;

    public MlpGenerator(GanConfig config)
        : base(nameof(MlpGenerator))
    {
        _config = config;
        labels = GanLayers.Embedding(config);
        layers = [.. Sizes(config).Select(s => new Linear(s.Inputs, s.Outputs))];
        RegisterComponents();
    }

    public static long CountNumbers(GanConfig config) =>
        checked(config.EmbeddingNumbers + Sizes(config).Sum(s => checked(s.Inputs * s.Outputs + s.Outputs)));

    public override Tensor Forward(Tensor z, Tensor? classes)
    {
        Tensor x = GanLayers.BesideLatent(_config, z, labels?.call(GanLayers.OneHot(classes!, _config.LabelCount)).AsFloat32());
        for (int i = 0; i < layers.Count; i++)
            x = i + 1 < layers.Count ? F.leaky_relu(layers[i].call(x), DiscriminatorNetwork.LeakySlope) : layers[i].call(x);
        x = x.AsFloat32();
        return (_config.Shape is null ? x : x.tanh()).view([z.size(0), .. _config.RowShape]);
    }

    private static IEnumerable<(long Inputs, long Outputs)> Sizes(GanConfig config)
    {
        long[] sizes = [config.LatentInputs, .. config.Options.HiddenSizes, config.RowSize];
        return sizes.Zip(sizes.Skip(1));
    }
}

/// <summary>A discriminator of fully connected layers.</summary>
internal sealed class MlpDiscriminator : DiscriminatorNetwork
{
    private readonly ModuleList<Linear> layers;
    private readonly Linear score;
    private readonly Linear? labels;

    private readonly GanConfig _config;

    public MlpDiscriminator(GanConfig config)
        : base(nameof(MlpDiscriminator))
    {
        _config = config;
        GanOptions options = config.Options;
        long[] sizes = [config.RowSize + (config.ConcatenatesLabels ? options.LabelEmbeddingSize : 0), .. options.HiddenSizes];
        layers = [.. sizes.Zip(sizes.Skip(1)).Select(s => GanLayers.OfDiscriminator(options, new Linear(s.First, s.Second)))];
        score = GanLayers.OfDiscriminator(options, new Linear(sizes[^1] + (options.MinibatchStandardDeviation ? 1 : 0), 1));
        if (config.LabelCount > 0)
            labels = GanLayers.OfDiscriminator(options, new Linear(config.LabelCount, config.ConcatenatesLabels ? options.LabelEmbeddingSize : sizes[^1], hasBias: false));
        RegisterComponents();
    }

    public override Tensor Forward(Tensor rows, Tensor? classes)
    {
        Tensor? embedded = labels?.call(GanLayers.OneHot(classes!, _config.LabelCount));
        Tensor x = rows.flatten(1);
        if (_config.ConcatenatesLabels)
            x = cat([x, embedded!.AsFloat32()], 1);
        foreach (Linear layer in layers)
            x = F.leaky_relu(layer.call(x), LeakySlope);
        Tensor result = score.call(_config.Options.MinibatchStandardDeviation ? WithDeviation(x) : x).squeeze(1).AsFloat32();
        return embedded is null || _config.ConcatenatesLabels ? result : result.Plus((x * embedded).sum([1]).AsFloat32());
    }
}
