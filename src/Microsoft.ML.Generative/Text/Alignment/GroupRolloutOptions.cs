using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative;

/// <summary>What the options of trainings have in common that compare several completions of a prompt.</summary>
public abstract class GroupRolloutOptions : RolloutOptions
{
    internal static new class Defaults
    {
        public const int GroupSize = 8;
        public const int BatchSize = 64;
    }

    private protected GroupRolloutOptions()
    {
    }

    /// <summary>
    /// Completions that go through the network at once, at least 1. Default: 64, all of a roll-out of 8 prompts with 8 completions.
    /// </summary>
    public override int BatchSize { get; set; } = Defaults.BatchSize;

    /// <summary>Completions of each prompt, at least 2, which are compared with each other. Default: 8.</summary>
    public int GroupSize { get; set; } = Defaults.GroupSize;

    internal override int Completions => GroupSize;

    internal override string DescribeRollout() => $"{base.DescribeRollout()} × {nameof(GroupSize)} {GroupSize}";

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.AtLeast(GroupSize, 2);
    }
}
