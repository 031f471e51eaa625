using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.LanguageModels;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Text.Alignment;

/// <summary>Group relative policy optimization (Shao et al. 2024).</summary>
internal sealed class GrpoMethod(LanguageModelNetwork network, GrpoOptions options, int vocabulary, AlignmentWatch watch)
    : RolloutMethod(network, options, vocabulary, watch)
{
    private readonly GrpoOptions _options = options;

    public override bool LearnsTruncated => !_options.MaskTruncated;

    protected override double ClipRangeHigh => _options.ClipRangeHigh ?? _options.ClipRange;

    public override void Judge(Rollout rollout, float[] scores) =>
        rollout.SetAll(TokenValue.Advantage, Advantages.OfGroups(scores, _options.GroupSize, _options.AdvantageScaling));

    public override long WeightOf(IReadOnlyList<int> tokens) => PolicyLosses.WeightOf(tokens, _options.LossReduction);

    protected override Tensor RatioOf(Tensor change, Tensor mask) => _options.UsesSequenceRatio
        ? change.mul(mask).sum(1, keepdim: true).div(mask.sum(1, keepdim: true).AtLeast(1)).exp()
        : change.exp();

    protected override (Tensor Loss, Tensor LogProbabilities, Tensor Entropy, (string, Tensor)[] Terms) Learn(RolloutBatch batch)
    {
        TokenLogProbabilities tokens = Score(Network.Logits(batch.Sequences), batch);
        Tensor losses = ClippedLoss(tokens.Values, batch);
        if (_options.KlCoefficient > 0)
            losses = losses.Plus(Kl(tokens.Values, batch), _options.KlCoefficient);
        return (PolicyLosses.Reduce(losses, batch.Mask, _options.LossReduction, _options.MaxTokens), tokens.Values, tokens.Entropy!, []);
    }

    // The gradient of K2 is that of KL(π ‖ π_ref) where π sampled; the others need the ratio for that.
    private Tensor Kl(Tensor logProbabilities, RolloutBatch batch)
    {
        Tensor kl = PolicyLosses.Kl(logProbabilities.sub(batch[TokenValue.Reference]), _options.KlEstimator);
        return _options.KlEstimator == KlEstimator.K2 ? kl : kl.mul(logProbabilities.sub(batch[TokenValue.Old]).exp());
    }
}
