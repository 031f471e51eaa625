using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Layers;

/// <summary>
/// The gradients that the last <see cref="GradientFunction{TFunction}"/> of a thread has returned. Only when the next one is called has
/// libtorch handles of its own for sure.
/// </summary>
internal static class ReturnedGradients
{
    [ThreadStatic]
    private static List<Tensor>? _last;

    /// <summary>Keeps gradients beyond the current dispose scope, and no longer than the next outer one.</summary>
    public static void Keep(List<Tensor> gradients)
    {
        List<Tensor> last = _last ??= [];
        foreach (Tensor? gradient in gradients)
        {
            if (gradient is not null)
                last.Add(gradient.MoveToOuterDisposeScope());
        }
    }

    /// <summary>Releases the handles of what was returned before.</summary>
    public static void Release()
    {
        foreach (Tensor gradient in _last ?? [])
            gradient.Dispose();
        _last?.Clear();
    }
}
