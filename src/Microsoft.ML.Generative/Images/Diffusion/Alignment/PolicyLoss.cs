using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Diffusion.Alignment;

/// <summary>The clipped loss of a batch, and what is reported of it.</summary>
/// <param name="Total">The mean over the batch, to be minimized.</param>
/// <param name="Ratio">The mean ratio of the new to the old probability.</param>
/// <param name="ClippedPart">The part of the batch whose ratio is beyond the range.</param>
/// <param name="ApproximateDivergence">Half of the mean squared difference of the logarithms.</param>
internal readonly record struct PolicyLoss(Tensor Total, Tensor Ratio, Tensor ClippedPart, Tensor ApproximateDivergence)
{
    /// <param name="logProbabilities">Of the policy that learns, [batch].</param>
    /// <param name="oldLogProbabilities">Of the policy that acted, [batch].</param>
    /// <param name="advantages">[batch].</param>
    /// <param name="clipRange">ε: how far the ratio may be from 1.</param>
    public static PolicyLoss Of(Tensor logProbabilities, Tensor oldLogProbabilities, Tensor advantages, double clipRange)
    {
        Tensor difference = logProbabilities - oldLogProbabilities, ratio = difference.exp();
        Tensor seen = ratio.detach();
        return new PolicyLoss(
            ClippedPolicyLoss.Of(ratio, advantages, clipRange, clipRange).mean(), seen.mean(),
            seen.Plus(-1).abs().GreaterThan(clipRange).to(ScalarType.Float32).mean(),
            difference.detach().Squared().mean().Times(0.5));
    }
}
