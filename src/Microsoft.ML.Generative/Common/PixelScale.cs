using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Common;

/// <summary>Converts pixels between 0..1, as columns have them, and −1..1, as diffusion networks and GANs have them.</summary>
internal static class PixelScale
{
    /// <summary>From 0..1 to −1..1.</summary>
    public static Tensor Signed(Tensor images) => images.Times(2).Plus(-1);

    /// <summary>From −1..1 to 0..1; values beyond are clamped as by <see cref="Clamp"/>.</summary>
    public static Tensor Unsigned(Tensor images) => Clamp(images.Times(0.5).Plus(0.5));

    /// <summary>Clamps to 0..1, but for what is not finite, which becomes NaN: infinity is no white.</summary>
    public static Tensor Clamp(Tensor images) => images.Within(0, 1).Plus(images.Times(0));
}
