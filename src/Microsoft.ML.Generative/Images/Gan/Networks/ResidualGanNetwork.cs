using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using TorchSharp.Modules;
using static TorchSharp.torch;
using Conv2d = Microsoft.ML.Generative.Layers.Conv2d;
using F = TorchSharp.torch.nn.functional;
using Linear = Microsoft.ML.Generative.Layers.Linear;

namespace Microsoft.ML.Generative.Images.Gan.Networks;

/// <summary>The residual networks of Miyato et al. 2018, appendix B.4.</summary>
internal sealed class ResidualGanNetworks() : ConvolutionalGanNetworks(GanNetworkKind.Residual)
{
    public override bool DiscriminatorHasBatchNormalization => false;

    public override GeneratorNetwork CreateGenerator(GanArchitecture architecture) => new ResidualGenerator(architecture);

    public override DiscriminatorNetwork CreateDiscriminator(DiscriminatorArchitecture architecture) =>
        new ResidualDiscriminator(architecture);
}

/// <summary>
/// The residual generator of Miyato et al. 2018, appendix B.4: z is projected to small maps, which residual blocks double.
/// </summary>
internal sealed class ResidualGenerator : GeneratorNetwork, IFormerNames
{
    private static readonly Dictionary<string, string> _formerNames = new() { ["picture"] = nameof(output) };

    private readonly Linear? labels;
    private readonly Linear projection;
    private readonly ModuleList<DoublingBlock> blocks;
    private readonly BatchNormalization norm;
    private readonly Conv2d output;

    private readonly GanArchitecture _architecture;
    private readonly HalvedMaps _maps;

    public ResidualGenerator(GanArchitecture architecture)
        : base(nameof(ResidualGenerator))
    {
        _architecture = architecture;
        _maps = HalvedMaps.Of(architecture.Row.Image!.Value, GanNetworkKind.Residual);
        int[] channels = Channels(architecture);
        labels = GanLayers.Embedding(architecture);
        projection = GanLayers.Xavier(new Linear(architecture.LatentInputs, (long)channels[0] * _maps.Height * _maps.Width));
        blocks = [.. channels.Zip(channels.Skip(1)).Select(c => new DoublingBlock(c.First, c.Second, architecture.NormCondition))];
        norm = new BatchNormalization(channels[^1], architecture.NormCondition);
        output = GanLayers.Xavier(new Conv2d(channels[^1], architecture.Row.Image!.Value.Channels, 3, padding: 1));
        RegisterComponents();
    }

    public IReadOnlyDictionary<string, string> FormerNames => _formerNames;

    public override Tensor Forward(Tensor z, Tensor? classes)
    {
        Tensor? condition = labels?.call(GanLayers.OneHot(classes!, _architecture.LabelCount)).AsFloat32();
        Tensor x = projection.call(GanLayers.BesideLatent(_architecture, z, condition))
            .view(z.size(0), -1, _maps.Height, _maps.Width); // [batch, channels, height, width] of the smallest maps
        foreach (DoublingBlock block in blocks)
            x = block.Forward(x, condition);
        return output.call(norm.Forward(x, condition, slope: 0)).AsFloat32().tanh();
    }

    // From the smallest maps to those of the image's size.
    private static int[] Channels(GanArchitecture architecture)
    {
        int levels = HalvedMaps.Of(architecture.Row.Image!.Value, GanNetworkKind.Residual).Levels;
        return [.. Enumerable.Range(1, levels + 1).Reverse().Select(level => HalvedMaps.Channels(architecture.BaseChannels, level))];
    }
}

/// <summary>
/// The residual discriminator of Miyato et al. 2018, appendix B.4: residual blocks halve the image, one more does not; the sum over all
/// places becomes the result.
/// </summary>
internal sealed class ResidualDiscriminator : DiscriminatorNetwork
{
    private readonly ModuleList<HalvingBlock> blocks;
    private readonly Linear score;
    private readonly Linear? labels;

    private readonly DiscriminatorArchitecture _architecture;

    public ResidualDiscriminator(DiscriminatorArchitecture architecture)
        : base(nameof(ResidualDiscriminator))
    {
        _architecture = architecture;
        ImageShape shape = architecture.Generator.Row.Image!.Value;
        int levels = HalvedMaps.Of(shape, GanNetworkKind.Residual).Levels;
        int[] channels =
            [shape.Channels + (architecture.ConcatenatesLabels ? 1 : 0), .. Enumerable.Range(1, levels + 1)
                .Select(level => HalvedMaps.Channels(architecture.Generator.BaseChannels, level))];
        blocks =
            [.. channels.Zip(channels.Skip(1))
                .Select((c, i) => new HalvingBlock(architecture, c.First, c.Second, isFirst: i == 0, halves: i < levels))];
        score = GanLayers.OfDiscriminator(
            architecture, GanLayers.Xavier(new Linear(channels[^1] + (architecture.SeesStandardDeviation ? 1 : 0), 1)));
        if (architecture.LabelCount > 0)
        {
            labels = GanLayers.OfDiscriminator(
                architecture,
                new Linear(
                    architecture.LabelCount, architecture.ConcatenatesLabels ? shape.Height * shape.Width : channels[^1], hasBias: false));
        }

        RegisterComponents();
    }

    public override Tensor Forward(Tensor rows, Tensor? classes)
    {
        Tensor? embedded = labels?.call(GanLayers.OneHot(classes!, _architecture.LabelCount));
        Tensor x = rows;
        if (_architecture.ConcatenatesLabels)
            x = cat([x, embedded!.AsFloat32().view(x.size(0), 1, x.size(2), x.size(3))], 1); // [batch, channels + 1, height, width]
        foreach (HalvingBlock block in blocks)
            x = block.call(x);
        Tensor features = F.relu(x).AsFloat32().sum([2, 3]); // [batch, channels]
        // [batch]
        Tensor result = score.call(_architecture.SeesStandardDeviation ? WithDeviation(features) : features).squeeze(1).AsFloat32();
        return embedded is null || _architecture.ConcatenatesLabels ? result : result.Plus((features * embedded.AsFloat32()).sum([1]));
    }
}

/// <summary>A generator's block: twice the height and width.</summary>
internal sealed class DoublingBlock : nn.Module
{
    private readonly BatchNormalization norm1;
    private readonly UpsamplingConv2d conv1;
    private readonly BatchNormalization norm2;
    private readonly Conv2d conv2;
    private readonly Conv2d shortcut;

    public DoublingBlock(int inputs, int outputs, int conditionSize)
        : base(nameof(DoublingBlock))
    {
        norm1 = new BatchNormalization(inputs, conditionSize);
        conv1 = GanLayers.Xavier(new UpsamplingConv2d(inputs, outputs), GanLayers.ReluGain);
        norm2 = new BatchNormalization(outputs, conditionSize);
        conv2 = GanLayers.Xavier(new Conv2d(outputs, outputs, 3, padding: 1), GanLayers.ReluGain);
        shortcut = GanLayers.Xavier(new Conv2d(inputs, outputs, 1));
        RegisterComponents();
    }

    public Tensor Forward(Tensor x, Tensor? condition)
    {
        Tensor h = conv1.call(norm1.Forward(x, condition, slope: 0));
        h = conv2.call(norm2.Forward(h, condition, slope: 0));
        // A convolution of single pixels gives the same before the doubling as after it.
        return h.Plus(Upsampling.Nearest(shortcut.call(x)));
    }
}

/// <summary>A discriminator's block: half the height and width, or the same.</summary>
internal sealed class HalvingBlock : nn.Module<Tensor, Tensor>
{
    private readonly Conv2d conv1;
    private readonly Conv2d conv2;
    private readonly Conv2d? shortcut;

    private readonly bool _isFirst;
    private readonly bool _halves;

    /// <param name="architecture">The discriminator's.</param>
    /// <param name="inputs">Channels that come in.</param>
    /// <param name="outputs">Channels that go out.</param>
    /// <param name="isFirst">Whether the input is the image, whose values no ReLU may cut.</param>
    /// <param name="halves">Whether height and width are halved.</param>
    public HalvingBlock(DiscriminatorArchitecture architecture, int inputs, int outputs, bool isFirst, bool halves)
        : base(nameof(HalvingBlock))
    {
        (_isFirst, _halves) = (isFirst, halves);
        int between = isFirst ? outputs : inputs;
        conv1 = GanLayers.OfDiscriminator(architecture, GanLayers.Xavier(new Conv2d(inputs, between, 3, padding: 1), GanLayers.ReluGain));
        conv2 = GanLayers.OfDiscriminator(architecture, GanLayers.Xavier(new Conv2d(between, outputs, 3, padding: 1), GanLayers.ReluGain));
        if (halves || inputs != outputs)
            shortcut = GanLayers.OfDiscriminator(architecture, GanLayers.Xavier(new Conv2d(inputs, outputs, 1)));
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        Tensor h = conv2.call(F.relu(conv1.call(_isFirst ? x : F.relu(x))));
        // Averages and a convolution of single pixels can change places: the smaller image is cheaper.
        Tensor around = _halves ? F.avg_pool2d(x, 2) : x;
        return (_halves ? F.avg_pool2d(h, 2) : h).Plus(shortcut is null ? MixedPrecision.Cast(around) : shortcut.call(around));
    }
}
