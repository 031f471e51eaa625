using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// The gradient that a backward function of ours returns. libtorch takes it when the function has returned, so that it cannot be released
/// there; the next one on the thread releases it, and not the end of the step, by which all of them would be in memory.
/// </summary>
internal static class BackwardResult
{
    [ThreadStatic]
    private static Tensor? _last;

    /// <summary>Keeps a gradient until the next one.</summary>
    public static Tensor Keep(Tensor gradient)
    {
        _last?.Dispose();
        _last = gradient.DetachFromDisposeScope();
        return gradient;
    }
}
