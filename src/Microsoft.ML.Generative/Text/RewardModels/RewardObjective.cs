using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Text.RewardModels;

/// <summary>The model of Bradley and Terry (1952): p(chosen is better) = σ(r(chosen) − r(rejected)).</summary>
/// <param name="network">The network.</param>
/// <param name="centering">The weight of the squared sum of a pair's scores.</param>
internal sealed class RewardObjective(RewardNetwork network, double centering)
{
    /// <summary>
    /// The losses of a batch of sequences [pairs, 2, time], indices of last tokens [pairs, 2] and margins [pairs]; the better text is the
    /// first of a pair.
    /// </summary>
    public Losses Losses(StepContext context, TensorBatch batch)
    {
        Tensor scores = network.Scores(batch[0].flatten(0, 1), batch[1].flatten()).view(-1, 2); // [pairs, 2]
        return Losses(scores.select(1, 0), scores.select(1, 1), batch[2], centering);
    }

    /// <summary>The losses of scores and margins, [pairs] each.</summary>
    public static Losses Losses(Tensor chosen, Tensor rejected, Tensor margins, double centering)
    {
        Tensor difference = chosen.sub(rejected);
        Tensor loss = F.logsigmoid(difference.sub(margins)).mean().negative();
        if (centering > 0)
            loss = loss.Plus(chosen.Plus(rejected).Squared().mean(), centering);
        using IDisposable noGradient = no_grad();
        return new Losses(
            loss,
            ("accuracy", difference.GreaterThan(0).to(ScalarType.Float32).mean()),
            ("margin", difference.detach().mean()),
            ("score", chosen.Plus(rejected).mean().Over(2)));
    }
}
