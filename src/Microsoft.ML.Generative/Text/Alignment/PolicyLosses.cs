using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Text.Alignment;

/// <summary>Losses of policies on roll-outs.</summary>
internal static class PolicyLosses
{
    /// <summary>
    /// Whether <see cref="ClippedPolicyLoss"/> has no gradient: as far as the advantage pushes the ratio, it has gone already.
    /// </summary>
    public static Tensor IsClipped(Tensor ratio, Tensor advantages, double clipLow, double clipHigh)
    {
        Tensor isGood = advantages.GreaterThan(0);
        return where(isGood, ratio.GreaterThan(1 + clipHigh), ratio.LessThan(1 - clipLow))
            .logical_and(advantages.ne(zeros_like(advantages)));
    }

    /// <summary>The clipped loss of values: half the larger of the squared errors of the value and of one near the old value.</summary>
    public static Tensor ClippedValue(Tensor values, Tensor oldValues, Tensor returns, double clip)
    {
        Tensor clipped = oldValues.Plus(values.sub(oldValues).Within(-clip, clip));
        return maximum(values.sub(returns).Squared(), clipped.sub(returns).Squared()).Times(0.5);
    }

    /// <summary>An estimate of KL(π ‖ π_ref) from log π − log π_ref of sampled tokens.</summary>
    public static Tensor Kl(Tensor logRatio, KlEstimator estimator) => estimator switch
    {
        KlEstimator.K1 => logRatio,
        KlEstimator.K2 => logRatio.Squared().Times(0.5),
        _ => logRatio.negative().expm1().Plus(logRatio),
    };

    /// <summary>The mean over the places where the mask is 1; 0 where it is nowhere.</summary>
    public static Tensor Mean(Tensor values, Tensor mask) => values.mul(mask).sum().div(mask.sum().AtLeast(1));

    /// <summary>The loss of a batch.</summary>
    /// <param name="losses">[rows, time].</param>
    /// <param name="mask">1 at the tokens that count, [rows, time]. Rows without any are left out.</param>
    /// <param name="reduction">How the losses are reduced.</param>
    /// <param name="maxLength">The most tokens that a row may have.</param>
    public static Tensor Reduce(Tensor losses, Tensor mask, LossReduction reduction, int maxLength)
    {
        if (reduction is LossReduction.Dapo or LossReduction.Bnpo)
            return Mean(losses, mask);
        Tensor tokens = mask.sum(1); // [rows]
        Tensor rows = tokens.GreaterThan(0).to(ScalarType.Float32).sum().AtLeast(1);
        Tensor sums = losses.mul(mask).sum(1); // [rows]
        return reduction == LossReduction.Grpo
            ? sums.div(tokens.AtLeast(1)).sum().div(rows)
            : sums.sum().div(rows).Over(maxLength);
    }

    /// <summary>
    /// What a batch counts in a step, so that several batches count as one: tokens where all tokens of the step are, else the rows that
    /// have some.
    /// </summary>
    public static long WeightOf(IReadOnlyList<int> tokens, LossReduction reduction) =>
        reduction == LossReduction.Dapo ? tokens.Sum() : tokens.Count(count => count > 0);
}
