using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using TorchSharp.Modules;
using static TorchSharp.torch;
using Linear = Microsoft.ML.Generative.Layers.Linear;

namespace Microsoft.ML.Generative.Images.Gan.Networks;

/// <summary>Networks of fully connected layers, sized by <see cref="GanOptions.HiddenSizes"/>.</summary>
internal sealed class MlpGanNetworks() : GanNetworks(GanNetworkKind.Mlp)
{
    public override bool GeneratorHasBatchNormalization => false;

    public override bool DiscriminatorHasBatchNormalization => false;

    public override GeneratorNetwork CreateGenerator(GanArchitecture architecture) => new MlpGenerator(architecture);

    public override DiscriminatorNetwork CreateDiscriminator(DiscriminatorArchitecture architecture) => new MlpDiscriminator(architecture);

    public override int[] HiddenSizes(GanOptions options) => options.HiddenSizes;

    public override void TakeSizes(GanOptions options, BaseOptions<GanOptions> own, GanArchitecture architecture) =>
        options.HiddenSizes = own.Take(o => o.HiddenSizes, architecture.HiddenSizes);

    public override void Check(GanOptions options, RowShape row)
    {
        string reason = $"networks of kind {Kind} have neither convolutions nor batch normalization";
        GanOptions.Refuse(
            options.BaseChannels != GanOptions.Defaults.BaseChannels, nameof(GanOptions.BaseChannels), options.BaseChannels, reason);
        GanOptions.Refuse(
            options.LabelColumnName is not null && options.GeneratorConditioning == GanGeneratorConditioning.BatchNormalization,
            nameof(GanOptions.GeneratorConditioning), options.GeneratorConditioning, reason);
        GanOptions.Refuse(
            options.Normalization == GanNormalization.Batch, nameof(GanOptions.DiscriminatorNormalization), options.Normalization, reason);
    }

    public override void Check(GanArchitecture architecture)
    {
        OptionChecks.Between(architecture.HiddenSizes.Length, 1, 64, nameof(architecture.HiddenSizes));
        GanOptions.Refuse(
            architecture.Conditioning == GanGeneratorConditioning.BatchNormalization, nameof(architecture.Conditioning),
            architecture.Conditioning, $"{Kind} has no batch normalization");
    }
}

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
            x = i + 1 < layers.Count ? layers[i].call(x).LeakyRelu(DiscriminatorNetwork.LeakySlope) : layers[i].call(x);
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
            x = layer.call(x).LeakyRelu(LeakySlope);
        Tensor result = score.call(_architecture.SeesStandardDeviation ? WithDeviation(x) : x).squeeze(1).AsFloat32(); // [batch]
        return embedded is null || _architecture.ConcatenatesLabels ? result : result.Plus((x * embedded).sum([1]).AsFloat32());
    }
}
