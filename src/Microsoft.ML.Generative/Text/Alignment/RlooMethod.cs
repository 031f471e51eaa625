using Microsoft.ML.Generative.Text.LanguageModels;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Text.Alignment;

/// <summary>
/// REINFORCE with a baseline from other completions (Ahmadian et al. 2024): a completion is one choice, and the divergence from the
/// reference a part of its reward.
/// </summary>
internal sealed class RlooMethod(LanguageModelNetwork network, RlooOptions options, int vocabulary, AlignmentWatch watch)
    : RolloutMethod(network, options, vocabulary, watch)
{
    private readonly RlooOptions _options = options;

    public override void Judge(Rollout rollout, float[] scores)
    {
        float[] divergences = Sums(rollout.LogRatios());
        float[] rewards = [.. scores.Zip(divergences, (score, kl) => (float)(score - _options.KlCoefficient * kl))];
        double mean = Advantages.Mean(rewards);
        rollout.SetAll(TokenValue.Advantage, _options.Baseline == RlooBaseline.LeaveOneOut
            ? Advantages.LeaveOneOut(rewards, _options.GroupSize)
            : [.. rewards.Select(reward => (float)(reward - mean))]);
    }

    protected override Tensor RatioOf(Tensor change, Tensor mask) => change.mul(mask).sum(1, keepdim: true).exp();

    protected override (Tensor Loss, Tensor LogProbabilities, Tensor Entropy, (string, Tensor)[] Terms) Learn(RolloutBatch batch)
    {
        TokenLogProbabilities tokens = Score(Network.Logits(batch.Sequences), batch);
        // The same for all tokens of a completion: their mean is that of the completion.
        Tensor losses = ClippedLoss(tokens.Values, batch);
        return (PolicyLosses.Reduce(losses, batch.Mask, LossReduction.Grpo, 1), tokens.Values, tokens.Entropy!, []);
    }
}
