using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Training;

/// <summary>The learning rate of each step.</summary>
internal static class LearningRates
{
    /// <param name="options">Peak, warm-up, schedule and end.</param>
    /// <param name="step">The step, from 1.</param>
    /// <param name="totalSteps">The steps of the training.</param>
    public static double At(TrainingOptions options, long step, long totalSteps)
    {
        long warmupSteps = options.WarmupSteps ?? options.DefaultWarmupSteps(totalSteps);
        if (step <= warmupSteps)
            return options.LearningRate * step / warmupSteps;

        // From the peak in the step after the warm-up; the end of the schedule is one step beyond the last, which still learns.
        double progress = Math.Clamp((double)(step - 1 - warmupSteps) / Math.Max(1, totalSteps - warmupSteps), 0, 1);
        double part = options.LearningRateSchedule switch
        {
            LearningRateSchedule.Cosine => ScheduleShapes.CosineDecay(progress),
            LearningRateSchedule.Linear => ScheduleShapes.LinearDecay(progress),
            _ => 1,
        };
        return options.LearningRate * (options.FinalLearningRate + (1 - options.FinalLearningRate) * part);
    }
}
