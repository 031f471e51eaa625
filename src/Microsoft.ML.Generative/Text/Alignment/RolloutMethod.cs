using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Text.Alignment;

/// <summary>How a policy learns from roll-outs: what becomes of scores, and the loss.</summary>
/// <param name="network">The policy.</param>
/// <param name="options">The options.</param>
/// <param name="vocabulary">The tokens that the policy samples from.</param>
/// <param name="watch">Warns of bad figures.</param>
internal abstract class RolloutMethod(LanguageModelNetwork network, RolloutOptions options, int vocabulary, AlignmentWatch watch)
{
    /// <summary>The figures of a roll-out whose names all batches report.</summary>
    private IReadOnlyList<string> _figures = [];

    /// <summary>The numbers of tokens that the batches have, in the order of <see cref="TokenValue"/>.</summary>
    public virtual IReadOnlyList<TokenValue> Kinds { get; } = [TokenValue.Old, TokenValue.Reference, TokenValue.Advantage];

    /// <summary>Whether a completion that did not end is learned.</summary>
    public virtual bool LearnsTruncated => true;

    protected LanguageModelNetwork Network => network;

    /// <summary>Makes advantages of the scores of a roll-out that has the numbers of policy and reference.</summary>
    public abstract void Judge(Rollout rollout, float[] scores);

    /// <summary>What a batch counts in a step.</summary>
    /// <param name="tokens">The tokens learned of each completion.</param>
    public virtual long WeightOf(IReadOnlyList<int> tokens) => tokens.Count(count => count > 0);

    /// <summary>What the policy, as it is, says of a batch: log-probabilities and, for those that have them, values.</summary>
    public virtual (Tensor LogProbabilities, Tensor? Values) Describe(RolloutBatch batch) =>
        (TokenLogProbabilities.Of(network, batch.Sequences, batch.Targets, options.Temperature, vocabulary), null);

    /// <summary>The state beside the roll-out, for checkpoints.</summary>
    public virtual JsonNode? SaveState() => null;

    /// <summary>Continues with a state.</summary>
    public virtual void RestoreState(JsonNode? state)
    {
    }

    /// <summary>A batch of a roll-out.</summary>
    public TensorBatch Batch(Rollout rollout, int[] rows, Device device)
    {
        _figures = [.. rollout.Figures.Select(figure => figure.Name)];
        int[] tokens = [.. rows.Select(row => rollout.IsLearned[row] ? rollout.TokensOf(row) : 0)];
        Tensor figures = tensor(rollout.Figures.Select(figure => (float)figure.Value).ToArray(), device: device);
        return rollout.Batch(rows, device).ToBatch(figures, WeightOf(tokens), tokens.Sum(count => (long)count));
    }

    /// <summary>The losses of a batch of a roll-out, or of the scores of validation prompts.</summary>
    public Losses Losses(StepContext context, TensorBatch batch)
    {
        // Validation: the mean score is all that is asked for.
        if (!context.IsTraining)
        {
            Tensor score = batch[0].mean();
            return new Losses(score.negative(), ("score", score));
        }

        RolloutBatch rollout = RolloutBatch.Of(batch, Kinds);
        (Tensor loss, Tensor logProbabilities, Tensor entropy, (string, Tensor)[] terms) = Learn(rollout);
        using IDisposable noGradient = no_grad();
        Tensor change = logProbabilities.detach().sub(rollout[TokenValue.Old]);
        Tensor meanEntropy = PolicyLosses.Mean(entropy, rollout.Mask), ratio = PolicyLosses.Mean(change.exp(), rollout.Mask);
        Tensor clipped = PolicyLosses.IsClipped(
            RatioOf(change, rollout.Mask), rollout[TokenValue.Advantage], options.ClipRange, ClipRangeHigh).to(ScalarType.Float32);
        watch.CheckStep(context.Step, ratio.ToDouble(), meanEntropy.ToDouble());
        List<(string, Tensor)> all = [];
        for (int i = 0; i < _figures.Count; i++)
            all.Add((_figures[i], batch[3][i]));
        return new Losses(
            loss,
            [
                .. all, ("entropy", meanEntropy), ("approxkl", PolicyLosses.Mean(change.Squared(), rollout.Mask).Times(0.5)),
                ("clipfrac", PolicyLosses.Mean(clipped, rollout.Mask)), ("ratio", ratio), .. terms,
            ]);
    }

    /// <summary>How far the ratio counts upwards.</summary>
    protected virtual double ClipRangeHigh => options.ClipRange;

    /// <summary>The ratio that is clipped, of log π − log π_old of tokens, [rows, time] or one that expands to it.</summary>
    protected virtual Tensor RatioOf(Tensor change, Tensor mask) => change.exp();

    /// <summary>The loss of a batch, the policy's log-probabilities and its entropy, [rows, time], and further terms.</summary>
    protected abstract (Tensor Loss, Tensor LogProbabilities, Tensor Entropy, (string, Tensor)[] Terms) Learn(RolloutBatch batch);

    /// <summary>Log-probabilities and entropy of logits.</summary>
    protected TokenLogProbabilities Score(Tensor logits, RolloutBatch batch) =>
        TokenLogProbabilities.Of(logits, batch.Targets, options.Temperature, vocabulary, withEntropy: true);

    /// <summary>The clipped loss of each token.</summary>
    protected Tensor ClippedLoss(Tensor logProbabilities, RolloutBatch batch)
    {
        Tensor ratio = RatioOf(logProbabilities.sub(batch[TokenValue.Old]), batch.Mask);
        return ClippedPolicyLoss.Of(ratio, batch[TokenValue.Advantage], options.ClipRange, ClipRangeHigh);
    }

    /// <summary>The mean over completions of the sum over their tokens.</summary>
    protected static float[] Sums(float[][] values) => [.. values.Select(v => (float)v.Sum(x => (double)x))];
}
