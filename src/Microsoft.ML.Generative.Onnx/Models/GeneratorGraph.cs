using Microsoft.ML.Generative.Images.Gan;
using Microsoft.ML.Generative.Images.Gan.Networks;
using Microsoft.ML.Generative.Onnx.Graph;

namespace Microsoft.ML.Generative.Onnx.Models;

/// <summary>The generator of an adversarial network: z to rows; images in 0..1.</summary>
internal sealed class GeneratorGraph
{
    public const string LatentName = "Latent";

    private readonly NetworkNodes _nodes;
    private readonly GanArchitecture _architecture;
    private readonly OnnxValue _latent;

    // The embedding of the class, [batch, embedding size].
    private readonly OnnxValue? _condition;

    private GeneratorGraph(NetworkNodes nodes, GanTransformer model)
    {
        _nodes = nodes;
        _architecture = model.Definition.Architecture;
        _latent = nodes.Graph.Input(LatentName, OnnxType.Float32, _architecture.LatentSize);
        if (OnnxClasses.Input(nodes.Graph, model.Definition.Columns.Label, _architecture.LabelCount, model.ClassNames) is { } classes)
            _condition = nodes.Linear(nodes.OneHot(classes, _architecture.LabelCount), "labels");
    }

    public static OnnxGraph Of(GanTransformer model)
    {
        var nodes = new NetworkNodes(new OnnxGraph(), model.Network);
        var generator = new GeneratorGraph(nodes, model);
        GanArchitecture architecture = model.Definition.Architecture;
        OnnxValue rows = model.Network switch
        {
            MlpGenerator => generator.Mlp(),
            DcganGenerator => generator.Dcgan(),
            ResidualGenerator => generator.Residual(),
            var other => throw new NotSupportedException($"{other.GetType().Name} is not supported in ONNX files."),
        };
        nodes.Graph.Output(
            model.Definition.Columns.Generated, architecture.Row.Image is null ? rows : nodes.ToUnit(rows), architecture.Row.Dimensions);
        return nodes.Graph;
    }

    private OnnxValue Input() => _architecture.Conditioning == GanGeneratorConditioning.Concatenation
        ? _nodes.Join(_latent, _condition!.Value)
        : _latent;

    // [batch, channels, height, width] of the smallest maps
    private OnnxValue SmallestMaps(GanNetworkKind kind)
    {
        HalvedMaps maps = HalvedMaps.Of(_architecture.Row.Image!.Value, kind);
        return _nodes.Reshape(_nodes.Linear(Input(), "projection"), 0, -1, maps.Height, maps.Width);
    }

    private OnnxValue Mlp()
    {
        OnnxValue x = Input();
        (string Name, TorchSharp.torch.nn.Module)[] layers = [.. _nodes.PartsOf("layers")];
        for (int i = 0; i < layers.Length; i++)
        {
            x = _nodes.Linear(x, layers[i].Name);
            if (i + 1 < layers.Length)
                x = _nodes.LeakyRelu(x, DiscriminatorNetwork.LeakySlope);
        }

        return _architecture.Row.Image is { } image ? _nodes.Tanh(_nodes.Reshape(x, [0, .. image.Dimensions])) : x;
    }

    private OnnxValue Dcgan()
    {
        OnnxValue x = SmallestMaps(GanNetworkKind.Dcgan);
        for (int i = 0; _nodes.Has($"layers.{i}"); i++)
            x = _nodes.Convolution(_nodes.Relu(_nodes.BatchNormalization(x, $"norms.{i}", NormCondition)), $"layers.{i}");
        return _nodes.Tanh(x);
    }

    private OnnxValue Residual()
    {
        OnnxValue x = SmallestMaps(GanNetworkKind.Residual);
        foreach ((string block, _) in _nodes.PartsOf("blocks"))
        {
            OnnxValue h = _nodes.Convolution(Normalized(x, $"{block}.norm1"), $"{block}.conv1");
            h = _nodes.Convolution(Normalized(h, $"{block}.norm2"), $"{block}.conv2");
            x = _nodes.Add(h, _nodes.Twice(_nodes.Convolution(x, $"{block}.shortcut")));
        }

        return _nodes.Tanh(_nodes.Convolution(Normalized(x, "norm"), "output"));
    }

    private OnnxValue Normalized(OnnxValue x, string norm) => _nodes.Relu(_nodes.BatchNormalization(x, norm, NormCondition));

    private OnnxValue? NormCondition => _architecture.NormCondition > 0 ? _condition : null;
}
