using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Training;

/// <summary>Says which options help where numbers of a step are not finite.</summary>
/// <param name="Step">The step.</param>
/// <param name="LearningRate">Its learning rate.</param>
/// <param name="ClipNorm">The norm that gradients are clipped to, if they are.</param>
/// <param name="LastCheckpoint">The file to continue from, if there is one.</param>
internal sealed record Divergence(long Step, double LearningRate, double? ClipNorm, string? LastCheckpoint)
{
    /// <summary>The error of a loss that is not finite.</summary>
    public InvalidOperationException OfLoss(TrainedNetwork network, double total, IEnumerable<(string Name, double Value)> terms) =>
        Of(network, "loss", [("total", total), .. terms]);

    /// <summary>The error of a gradient whose norm is not finite.</summary>
    public InvalidOperationException OfGradient(TrainedNetwork network, double norm) => Of(network, "gradient", [("norm", norm)]);

    private InvalidOperationException Of(TrainedNetwork network, string what, IEnumerable<(string Name, double Value)> values) => new(
        $"The {what} of '{network.Name}' stopped being finite in step {Step} "
        + $"({string.Join(", ", values.Select(v => $"{v.Name} {ShortNumber.Text(v.Value)}"))}), "
        + $"at learning rate {ShortNumber.Text(LearningRate)}. "
        + $"Lower {nameof(TrainingOptions.LearningRate)}, add {nameof(TrainingOptions.WarmupSteps)} or "
        + $"{(ClipNorm is null ? "set" : "lower")} {nameof(TrainingOptions.GradientClipNorm)}."
        + (LastCheckpoint is { } saved ? $" The last checkpoint is '{saved}'." : ""));
}
