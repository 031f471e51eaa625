using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Vae;
using Microsoft.ML.Generative.Images.Vae.Networks;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Onnx.Graph;
using TorchSharp.Modules;
using Linear = Microsoft.ML.Generative.Layers.Linear;

namespace Microsoft.ML.Generative.Onnx.Models;

/// <summary>The two halves of a variational autoencoder (Kingma, Welling 2013, section 3).</summary>
internal static class VaeGraph
{
    public const string LogVarianceName = "LogVariance";

    /// <summary>Rows to the mean and the logarithm of the variance of q(z|x).</summary>
    public static OnnxGraph Encoder(VaeTransformer model)
    {
        (VaeArchitecture architecture, VaeColumns columns) = (model.Definition.Architecture, model.Definition.Columns);
        var graph = new OnnxGraph();
        var nodes = new NetworkNodes(graph, model.Network);
        OnnxValue x = graph.Input(columns.Input, OnnxType.Float32, architecture.Row.Dimensions);
        OnnxValue encoded = Sequence(nodes, x, "encoder", architecture);
        OnnxValue posterior = nodes.Linear(WithLabels(model, nodes, encoded), "posterior"); // [batch, 2 · latent]
        (OnnxValue mean, OnnxValue logVariance) = nodes.Halves(posterior, architecture.LatentSize);
        graph.Output(columns.Latent, mean, architecture.LatentSize);
        OnnxValue within = graph.Node(
            "Clip", [logVariance, graph.Constant(-VaeNetwork.MostLogVariance), graph.Constant(VaeNetwork.MostLogVariance)]);
        graph.Output(LogVarianceName, within, architecture.LatentSize);
        return graph;
    }

    /// <summary>z to the mean of p(x|z).</summary>
    public static OnnxGraph Decoder(VaeTransformer model)
    {
        (VaeArchitecture architecture, VaeColumns columns) = (model.Definition.Architecture, model.Definition.Columns);
        var graph = new OnnxGraph();
        var nodes = new NetworkNodes(graph, model.Network);
        OnnxValue z = graph.Input(columns.Latent, OnnxType.Float32, architecture.LatentSize);
        OnnxValue decoded = Sequence(nodes, WithLabels(model, nodes, z), "decoder", architecture);
        OnnxValue mean = architecture.Likelihood is VaeLikelihood.Bernoulli or VaeLikelihood.DiscretizedLogistic
            ? nodes.Sigmoid(decoded)
            : decoded;
        graph.Output(columns.Reconstruction, nodes.Reshape(mean, [0, .. architecture.Row.Dimensions]), architecture.Row.Dimensions);
        return graph;
    }

    private static OnnxValue WithLabels(VaeTransformer model, NetworkNodes nodes, OnnxValue values)
    {
        int count = model.Definition.Architecture.LabelCount;
        return OnnxClasses.Input(nodes.Graph, model.Definition.Columns.Label, count, model.ClassNames) is { } classes
            ? nodes.Join(values, nodes.OneHot(classes, count))
            : values;
    }

    private static OnnxValue Sequence(NetworkNodes nodes, OnnxValue x, string name, VaeArchitecture architecture)
    {
        foreach ((string part, TorchSharp.torch.nn.Module module) in nodes.PartsOf(name))
        {
            x = module switch
            {
                Linear => nodes.Linear(x, part),
                WeightedLayer => nodes.Convolution(x, part),
                ReLU => nodes.Relu(x),
                Flatten => nodes.Graph.Node("Flatten", [x], ("axis", 1L)),
                Unflatten => nodes.Reshape(x, [0, .. SmallestMaps(architecture)]),
                Crop crop => nodes.Slice(nodes.Slice(x, 2, 0, crop.Height), 3, 0, crop.Width),
                _ => throw new NotSupportedException($"'{part}' is {module.GetType().Name}, which is not supported in ONNX files."),
            };
        }

        return x;
    }

    // Each of the convolutions makes ceil(size / 2) of a size.
    private static long[] SmallestMaps(VaeArchitecture architecture)
    {
        ImageShape image = architecture.Row.Image!.Value;
        (int height, int width) = (image.Height, image.Width);
        foreach (int _ in architecture.ConvolutionChannels)
            (height, width) = ((height + 1) / 2, (width + 1) / 2);
        return [architecture.ConvolutionChannels[^1], height, width];
    }
}
