using Microsoft.ML.Generative.Images.Classification;
using Microsoft.ML.Generative.Onnx.Graph;

namespace Microsoft.ML.Generative.Onnx.Models;

/// <summary>An image classifier: images in 0..1 to the probability of each class.</summary>
internal static class ImageClassifierGraph
{
    public static OnnxGraph Of(ImageClassifierTransformer model)
    {
        ImageClassifierArchitecture architecture = model.Definition.Architecture;
        ImageClassifierColumns columns = model.Definition.Columns;
        var graph = new OnnxGraph();
        var nodes = new NetworkNodes(graph, model.Network);

        OnnxValue image = graph.Input(columns.Input, OnnxType.Float32, architecture.Shape.Dimensions);
        OnnxValue x = nodes.Convolution(nodes.Plus(nodes.Times(image, 2), -1), "stem");
        foreach ((string name, _) in nodes.PartsOf("blocks"))
            x = Block(nodes, x, name, architecture.Network == ImageClassifierNetworkKind.Residual);
        OnnxValue features = graph.Node("ReduceMean", [nodes.Relu(nodes.Normalization(x, "norm")), graph.Sizes(2, 3)], ("keepdims", 0L));
        graph.Output(columns.Score, nodes.Softmax(nodes.Linear(features, "head")), architecture.ClassCount);
        if (columns.Features is { } column)
            graph.Output(column, features, architecture.FeatureSize);
        OnnxClasses.Describe(graph, model.ClassNames);
        return graph;
    }

    // See ImageClassifierBlock.
    private static OnnxValue Block(NetworkNodes nodes, OnnxValue input, string name, bool isResidual)
    {
        OnnxValue h = nodes.Relu(nodes.Normalization(input, $"{name}.norm1"));
        OnnxValue between = nodes.Convolution(h, $"{name}.conv1");
        OnnxValue added = nodes.Convolution(nodes.Relu(nodes.Normalization(between, $"{name}.norm2")), $"{name}.conv2");
        if (!isResidual)
            return added;
        return nodes.Add(nodes.Has($"{name}.shortcut") ? nodes.Convolution(h, $"{name}.shortcut") : input, added);
    }
}
