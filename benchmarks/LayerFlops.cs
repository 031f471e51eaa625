using Microsoft.ML.Generative.Layers;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// Floating-point operations of linear layers and convolutions by their definitions, two for each multiplication and addition, however a
/// kernel computes them.
/// </summary>
internal static class LayerFlops
{
    /// <summary>The operations of the layers that compute while something runs, each once.</summary>
    public static double Forward(Action run) =>
        OutputShapes.During(run).Sum(noted => noted.Key is WeightedLayer layer ? Of(layer, noted.Value) : 0);

    /// <summary>
    /// The operations of a training step: in the backward pass each layer computes the gradient of its weight and that of its input.
    /// </summary>
    /// <param name="run">Passes a batch through the network.</param>
    /// <param name="isInputLearned">Whether the first layer computes the gradient of its input, too.</param>
    public static double ForwardAndBackward(Action run, bool isInputLearned)
    {
        (WeightedLayer Layer, long[] Output)[] layers =
            [.. OutputShapes.During(run).Where(pair => pair.Key is WeightedLayer).Select(pair => ((WeightedLayer)pair.Key, pair.Value))];
        double forward = layers.Sum(layer => Of(layer.Layer, layer.Output));
        return 3 * forward - (isInputLearned ? 0 : Of(layers[0].Layer, layers[0].Output));
    }

    private static double Of(WeightedLayer layer, long[] output)
    {
        long values = output.Aggregate(1L, (product, size) => product * size);
        double perValue = 2.0 * layer.MatrixShape[1..].Aggregate(1L, (product, size) => product * size);
        // Of a transposed convolution, each value has a part of the kernel.
        return layer is ConvTranspose2d transposed ? values * perValue / (transposed.Stride * transposed.Stride) : values * perValue;
    }
}
