using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Training;

/// <summary>
/// The clipped loss of a policy that learns from actions of an earlier one (Schulman et al., "Proximal policy optimization algorithms",
/// 2017, eq. 7).
/// </summary>
internal static class ClippedPolicyLoss
{
    /// <summary>The larger of −A·ratio and −A·clip(ratio), to be minimized.</summary>
    /// <param name="ratio">π / π_old of each action.</param>
    /// <param name="advantages">A, of the ratio's shape or one that expands to it.</param>
    /// <param name="clipLow">The ratio counts down to 1 − this.</param>
    /// <param name="clipHigh">The ratio counts up to 1 + this.</param>
    public static Tensor Of(Tensor ratio, Tensor advantages, double clipLow, double clipHigh)
    {
        Tensor negative = advantages.negative();
        return maximum(negative.mul(ratio), negative.mul(ratio.Within(1 - clipLow, 1 + clipHigh)));
    }
}
