using Microsoft.ML.Generative.Data.Batches;

namespace Microsoft.ML.Generative.Training;

/// <summary>The steps of a loop, counted from 1, and its epochs, counted from 0: how many there are, and what each is.</summary>
internal sealed class StepPlan
{
    private readonly TrainingOptions _options;

    /// <param name="options">Epochs, limits, accumulation, learning rates.</param>
    /// <param name="phases">What a step does; the first phase's source defines the epoch.</param>
    /// <param name="processes">The processes that the training began with.</param>
    public StepPlan(TrainingOptions options, IReadOnlyList<TrainingPhase> phases, int processes)
    {
        _options = options;
        BatchesPerStep = checked(options.GradientAccumulationSteps * processes);
        StepsPerEpoch = CountSteps(phases, BatchesPerStep);
        TotalSteps = options.StepsIn(StepsPerEpoch);
    }

    /// <summary>The batches that a pass of a phase takes, those of all processes.</summary>
    public int BatchesPerStep { get; }

    public long StepsPerEpoch { get; }

    public long TotalSteps { get; }

    public int EpochOf(long step) => (int)((step - 1) / StepsPerEpoch);

    /// <summary>Whether a step begins an epoch that is not the first.</summary>
    public bool BeginsLaterEpoch(long step) => step > 1 && (step - 1) % StepsPerEpoch == 0;

    public bool IsLast(long step) => step == TotalSteps;

    /// <summary>Whether an epoch ends with a step, the last one even before its batches do.</summary>
    public bool EndsEpoch(long step) => step % StepsPerEpoch == 0 || IsLast(step);

    public double LearningRate(long step) => LearningRates.At(_options, step, TotalSteps);

    // Where a phase that shares the first one's batches runs in some steps only, its share of them is counted on average.
    private static long CountSteps(IReadOnlyList<TrainingPhase> phases, int accumulatedBatches)
    {
        IBatchSource source = phases[0].Batches;
        TrainingPhase[] sharing = [.. phases.Where(p => p.Batches == source)];
        Int128 steps = sharing.Aggregate(Int128.One, (product, p) => product * p.Interval);
        Int128 taken = sharing.Aggregate(Int128.Zero, (sum, p) => sum + steps / p.Interval * p.Repeats * accumulatedBatches);
        return (long)((source.BatchesPerEpoch * steps + taken - 1) / taken);
    }
}
