namespace Microsoft.ML.Generative.Training;

/// <summary>A pass of a phase over batches, whose gradients together move the weights once.</summary>
/// <param name="Phase">The phase.</param>
/// <param name="IsFirstPhase">Whether it is the loop's first, whose loss is reported.</param>
/// <param name="Number">The pass among those of the step, from 1.</param>
/// <param name="LearningRate">The step's learning rate.</param>
/// <param name="Context">The step.</param>
/// <param name="Divergence">The error where a number is not finite.</param>
internal sealed record PhasePass(
    TrainingPhase Phase, bool IsFirstPhase, int Number, double LearningRate, StepContext Context, Divergence Divergence)
{
    /// <summary>What the batches of all processes weigh.</summary>
    public double TotalWeight { get; init; }
}
