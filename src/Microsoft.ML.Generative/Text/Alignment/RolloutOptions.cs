using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Runtime;

namespace Microsoft.ML.Generative;

/// <summary>What the options of trainings have in common in which a policy learns from rewards of its own completions.</summary>
/// <remarks>
/// A roll-out is <see cref="RolloutPrompts"/> prompts, each completed once or several times by the policy as it is then. Its completions
/// make batches of <see cref="TrainingOptions.BatchSize"/>, <see cref="RolloutEpochs"/> times, before the next roll-out. The prompts of
/// <see cref="TrainingOptions.ValidationData"/> are completed at the end of each epoch; the validation loss is minus their mean score.
/// </remarks>
public abstract class RolloutOptions : AlignmentOptions
{
    internal static new class Defaults
    {
        public const int MaxTokens = 64;
        public const int RolloutPrompts = 8;
        public const double KlCoefficient = 0.05;
        public const double ClipRange = 0.2;
    }

    private const double LowestTemperature = 1e-3;
    private const double HighestTemperature = 100;

    // What a completion takes at least, with its text, and each of its tokens, with its probabilities.
    private const int LeastBytes = 200;
    private const int BytesPerToken = 16;

    private protected RolloutOptions()
    {
    }

    /// <summary>What completions are scored by: the weighted sum of these, at least one. Needed.</summary>
    [JsonIgnore]
    public IReadOnlyList<TextReward> Rewards { get; set; } = [];

    /// <summary>
    /// Tokens of a completion at most, at least 1. Prompts that leave no room for them in the model's context are left out. Default: 64.
    /// </summary>
    public int MaxTokens { get; set; } = Defaults.MaxTokens;

    /// <summary>
    /// What the policy's logits are divided by where it samples, 0.001 to 100; also in all of its log-probabilities. Default: 1.
    /// </summary>
    public double Temperature { get; set; } = 1;

    /// <summary>Prompts of a roll-out, at least 1. Default: 8.</summary>
    public virtual int RolloutPrompts { get; set; } = Defaults.RolloutPrompts;

    /// <summary>
    /// Passes over each roll-out, at least 1: more learn more of a completion, with a policy that no longer is the one that sampled it.
    /// Default: 1.
    /// </summary>
    public virtual int RolloutEpochs { get; set; } = 1;

    /// <summary>
    /// β, at least 0: what the divergence from the base model costs, in units of the reward per nat. The policy sought is
    /// π_ref·exp(reward / β). Default: 0.05.
    /// </summary>
    public virtual double KlCoefficient { get; set; } = Defaults.KlCoefficient;

    /// <summary>
    /// The ratio of the policy's probabilities to those of the sampling policy counts from 1 − this to 1 + this, 0 to 1. Default: 0.2.
    /// </summary>
    public double ClipRange { get; set; } = Defaults.ClipRange;

    /// <summary>
    /// What is subtracted from the score of a completion that does not end within <see cref="MaxTokens"/>, at least 0. Default: 0.
    /// </summary>
    public double MissingEndPenalty { get; set; }

    /// <summary>Completions of each prompt.</summary>
    internal abstract int Completions { get; }

    /// <summary>Completions of a roll-out.</summary>
    internal long RolloutSize => (long)RolloutPrompts * Completions;

    internal override RolloutOptions Copy()
    {
        var copy = (RolloutOptions)base.Copy();
        copy.Rewards = [.. Rewards ?? []];
        return copy;
    }

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.AtLeast(MaxTokens, 1);
        OptionChecks.Between(Temperature, LowestTemperature, HighestTemperature);
        OptionChecks.AtLeast(RolloutPrompts, 1);
        OptionChecks.AtLeast(RolloutEpochs, 1);
        OptionChecks.AtLeast(KlCoefficient, 0);
        OptionChecks.Between(ClipRange, 0, 1);
        OptionChecks.AtLeast(MissingEndPenalty, 0);
    }

    internal override void ValidateForTraining()
    {
        base.ValidateForTraining();
        if (Rewards.Count == 0 || Rewards.Any(reward => reward is null))
            throw new ArgumentException($"{nameof(Rewards)} is empty or has no reward at a place; expected at least one.", nameof(Rewards));
        if (RolloutSize > int.MaxValue || (Int128)RolloutSize * (LeastBytes + (long)MaxTokens * BytesPerToken) > MemoryLimit.Bytes)
        {
            throw new ArgumentException(
                $"A roll-out has {RolloutSize:N0} completions ({DescribeRollout()}) of up to {MaxTokens} tokens ({nameof(MaxTokens)}), "
                + $"which take more memory than the {MemoryLimit.Describe(MemoryLimit.Bytes)} that the process may use.",
                nameof(RolloutPrompts));
        }

        CheckSteps(processes: 1);
    }

    /// <summary>Checks that the steps of a training have all of a roll-out.</summary>
    /// <exception cref="ArgumentException">They have not; the message names the options.</exception>
    internal void CheckSteps(int processes)
    {
        long ofStep = checked((long)BatchSize * GradientAccumulationSteps * processes);
        if (RolloutSize % ofStep == 0)
            return;
        string several = processes == 1 ? "" : $" × {processes} processes";
        throw new ArgumentException(
            $"A roll-out has {RolloutSize} completions ({DescribeRollout()}), which is not a multiple of the {ofStep} of a step "
            + $"({nameof(BatchSize)} {BatchSize} × {nameof(GradientAccumulationSteps)} {GradientAccumulationSteps}{several}).");
    }

    /// <summary>Checks that the base model's context has room for a prompt and its completion.</summary>
    /// <returns>Tokens of a prompt at most.</returns>
    /// <exception cref="ArgumentException">It has not; the message names <see cref="MaxTokens"/>.</exception>
    internal int CheckRoom()
    {
        int context = BaseModel!.Architecture.ContextLength;
        return MaxTokens < context ? context - MaxTokens : throw new ArgumentException(
            $"{nameof(MaxTokens)} is {MaxTokens}; expected at most {context - 1}, so that a prompt has room in the context of "
            + $"{context} tokens.", nameof(MaxTokens));
    }

    internal virtual string DescribeRollout() => $"{nameof(RolloutPrompts)} {RolloutPrompts}";
}
