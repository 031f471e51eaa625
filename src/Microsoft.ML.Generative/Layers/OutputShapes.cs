using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>Takes note of the shapes that layers put out while a network computes on this thread.</summary>
internal sealed class OutputShapes : IDisposable
{
    [ThreadStatic]
    private static OutputShapes? t_current;

    private readonly Dictionary<nn.Module, long[]> _shapes = new(ReferenceEqualityComparer.Instance);
    private readonly OutputShapes? _outer = t_current;

    private OutputShapes() => t_current = this;

    /// <summary>Whether shapes are noted on this thread.</summary>
    public static bool AreNoted => t_current is not null;

    /// <summary>Runs something, and returns the shape of the last output of each layer that computed.</summary>
    public static IReadOnlyDictionary<nn.Module, long[]> During(Action run)
    {
        using var noted = new OutputShapes();
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        run();
        return noted._shapes;
    }

    /// <summary>Takes note of a layer's output, and returns it.</summary>
    public static Tensor Note(nn.Module layer, Tensor output)
    {
        if (t_current is { } current)
            current._shapes[layer] = output.shape;
        return output;
    }

    public void Dispose() => t_current = _outer;
}
