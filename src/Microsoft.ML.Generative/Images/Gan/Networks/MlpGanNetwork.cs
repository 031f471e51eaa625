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

    private readonly GanArchitecture _architecture;

    public MlpGenerator(GanArchitecture architecture)
        : base(nameof(MlpGenerator))
    {
        _architecture = architecture;
        labels = GanLayers.Embedding(architecture);
        layers = [.. Sizes(architecture).Select(s => new Linear(s.Inputs, s.Outputs))];
        RegisterComponents();
    }

    public override Tensor Forward(Tensor z, Tensor? classes)
    {
        Tensor x = GanLayers.BesideLatent(_architecture, z, labels?.call(GanLayers.OneHot(classes!, _architecture.LabelCount)).AsFloat32());
        for (int i = 0; i < layers.Count; i++)
            x = i + 1 < layers.Count ? F.leaky_relu(layers[i].call(x), DiscriminatorNetwork.LeakySlope) : layers[i].call(x);
        x = x.AsFloat32();
        return (_architecture.Row.Image is null ? x : x.tanh()).view([z.size(0), .. _architecture.Row.Dimensions]); // [batch, ..row shape]
    }

    private static IEnumerable<(long Inputs, long Outputs)> Sizes(GanArchitecture architecture)
    {
        long[] sizes = [architecture.LatentInputs, .. architecture.HiddenSizes, architecture.Row.Size];
        return sizes.Zip(sizes.Skip(1));
    }
}

/// <summary>A discriminator of fully connected layers.</summary>
internal sealed class MlpDiscriminator : DiscriminatorNetwork
{
    private readonly ModuleList<Linear> layers;
    private readonly Linear score;
    private readonly Linear? labels;

    private readonly DiscriminatorArchitecture _architecture;

    public MlpDiscriminator(DiscriminatorArchitecture architecture)
        : base(nameof(MlpDiscriminator))
    {
        _architecture = architecture;
        long[] sizes =
            [architecture.Generator.Row.Size + (architecture.ConcatenatesLabels ? architecture.Generator.LabelEmbeddingSize : 0),
                .. architecture.Generator.HiddenSizes];
        layers = [.. sizes.Zip(sizes.Skip(1)).Select(s => GanLayers.OfDiscriminator(architecture, new Linear(s.First, s.Second)))];
        score = GanLayers.OfDiscriminator(architecture, new Linear(sizes[^1] + (architecture.SeesStandardDeviation ? 1 : 0), 1));
        if (architecture.LabelCount > 0)
        {
            labels = GanLayers.OfDiscriminator(
                architecture,
                new Linear(
                    architecture.LabelCount, architecture.ConcatenatesLabels ? architecture.Generator.LabelEmbeddingSize : sizes[^1],
                    hasBias: false));
        }

        RegisterComponents();
    }

    public override Tensor Forward(Tensor rows, Tensor? classes)
    {
        Tensor? embedded = labels?.call(GanLayers.OneHot(classes!, _architecture.LabelCount));
        Tensor x = rows.flatten(1); // [batch, values]
        if (_architecture.ConcatenatesLabels)
            x = cat([x, embedded!.AsFloat32()], 1);
        foreach (Linear layer in layers)
            x = F.leaky_relu(layer.call(x), LeakySlope);
        Tensor result = score.call(_architecture.SeesStandardDeviation ? WithDeviation(x) : x).squeeze(1).AsFloat32(); // [batch]
        return embedded is null || _architecture.ConcatenatesLabels ? result : result.Plus((x * embedded).sum([1]).AsFloat32());
    }
}
