using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Text.Alignment;

/// <summary>Losses of policies on preferences.</summary>
internal static class PreferenceLosses
{
    /// <summary>The loss of each pair.</summary>
    /// <param name="logRatio">
    /// z: log π(chosen) − log π(rejected), minus the same of the reference. For <see cref="DpoLoss.Ipo"/> of means over tokens.
    /// </param>
    /// <param name="loss">The kind.</param>
    /// <param name="beta">β.</param>
    /// <param name="labelSmoothing">The share of preferences that are held to be turned round.</param>
    public static Tensor Dpo(Tensor logRatio, DpoLoss loss, double beta, double labelSmoothing)
    {
        Tensor scaled = logRatio.Times(beta);
        switch (loss)
        {
            case DpoLoss.Hinge:
                return scaled.SubtractedFrom(1).AtLeast(0);
            case DpoLoss.Ipo:
                return logRatio.Plus(-1 / (2 * beta)).Squared();
            default:
                Tensor right = F.logsigmoid(scaled).Times(labelSmoothing - 1);
                if (labelSmoothing == 0)
                    return right;
                Tensor wrong = F.logsigmoid(scaled.negative());
                return loss == DpoLoss.Robust
                    ? right.Plus(wrong, labelSmoothing).Over(1 - 2 * labelSmoothing)
                    : right.Plus(wrong, -labelSmoothing);
        }
    }

    /// <summary>The loss of each text that is good or bad in itself (Ethayarajh et al. 2024), between 0 and its weight.</summary>
    /// <param name="logRatio">log π − log π_ref of each text.</param>
    /// <param name="isDesirable">1 of good texts, 0 of bad ones.</param>
    /// <param name="kl">The reference point, of one element.</param>
    /// <param name="beta">β.</param>
    /// <param name="desirableWeight">The weight of good texts.</param>
    /// <param name="undesirableWeight">The weight of bad texts.</param>
    public static Tensor Kto(
        Tensor logRatio, Tensor isDesirable, Tensor kl, double beta, double desirableWeight = 1, double undesirableWeight = 1)
    {
        Tensor sign = isDesirable.Times(2).Plus(-1); // 1 or −1
        Tensor loss = logRatio.sub(kl).mul(sign).Times(beta).sigmoid().SubtractedFrom(1);
        Tensor weights = isDesirable.Times(desirableWeight - undesirableWeight).Plus(undesirableWeight);
        return loss.mul(weights);
    }

    /// <summary>
    /// The reference point of <see cref="Kto"/>: the mean of the log-ratios of mismatched texts, at least 0, without gradient.
    /// </summary>
    public static Tensor KtoReference(Tensor mismatchedLogRatio) => mismatchedLogRatio.detach().mean().AtLeast(0);
}
