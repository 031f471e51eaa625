using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Text.Alignment;

/// <summary>Warns in the log where a figure says that something is wrong, once of each kind, with the option that helps.</summary>
internal sealed class AlignmentWatch(IHost host)
{
    // A completion that the reference holds to be e^-50 times as probable as the policy is out of its language.
    private const double HighKl = 50;
    private const double LowEntropy = 0.01;
    private const double HighRatio = 1.5;
    private const double ManyTruncated = 0.5;

    private readonly HashSet<string> _warned = [];

    /// <summary>Preferences: the better texts should not become much less probable.</summary>
    public void CheckChosen(long step, double chosenReward, double rejectedReward)
    {
        if (chosenReward < -5)
        {
            Warn(
                "chosen",
                $"In step {step} the reward of the chosen texts is {chosenReward:G3} (that of the rejected {rejectedReward:G3}): the "
                + $"policy makes the chosen improbable. Lower {nameof(AlignmentOptions.LearningRate)}, raise {nameof(DpoOptions.Beta)}, or "
                + "train on the chosen texts by LanguageModel first.");
        }
    }

    /// <summary>Roll-outs: how far the policy is from its reference, and whether it still explores.</summary>
    public void CheckRollout(long number, double kl, double truncated, double flatGroups)
    {
        if (kl > HighKl)
        {
            Warn(
                "kl",
                $"In roll-out {number} the completions are {kl:G3} nats from the reference: the policy may be exploiting the "
                + $"reward. Look at texts ({nameof(AlignmentOptions.SamplePrompt)}), and raise {nameof(RolloutOptions.KlCoefficient)} or "
                + $"lower {nameof(AlignmentOptions.LearningRate)}.");
        }

        if (truncated > ManyTruncated)
        {
            Warn(
                "truncated",
                $"In roll-out {number} {truncated:P0} of the completions did not end within "
                + $"{nameof(RolloutOptions.MaxTokens)}: raise it, or set {nameof(RolloutOptions.MissingEndPenalty)}.");
        }

        if (flatGroups == 1)
        {
            Warn(
                "flat",
                $"In roll-out {number} all completions of each prompt have the same score: nothing is learned from them. "
                + $"Raise {nameof(RolloutOptions.Temperature)} or {nameof(GroupRolloutOptions.GroupSize)}, or give a reward that differs.");
        }
    }

    /// <summary>Steps: how far the policy moved since its roll-out.</summary>
    public void CheckStep(long step, double ratio, double entropy)
    {
        if (ratio > HighRatio || ratio < 1 / HighRatio)
        {
            Warn(
                "ratio",
                $"In step {step} the policy gives its samples {ratio:G3} times the probability that they were sampled with: lower "
                + $"{nameof(AlignmentOptions.LearningRate)} or {nameof(RolloutOptions.RolloutEpochs)}.");
        }

        if (entropy < LowEntropy)
        {
            Warn(
                "entropy",
                $"In step {step} the entropy of the policy is {entropy:G3} nats per token: it hardly explores any more. Raise "
                + $"{nameof(RolloutOptions.KlCoefficient)}, lower {nameof(AlignmentOptions.LearningRate)}, or stop earlier.");
        }
    }

    private void Warn(string kind, string message)
    {
        if (!_warned.Add(kind))
            return;
        using IChannel channel = host.Start("Alignment");
        channel.Warning(message);
    }
}
