using Microsoft.ML.Generative;
using Module10.Jobs;

namespace Module10.Models;

/// <summary>Reports a visitor's training as events <c>progress</c> (step, totalSteps, secondsLeft, curve).</summary>
internal static class TrainingEvents
{
    public static IProgress<TrainingProgress> Of(JobEvents events)
    {
        var curve = new LossCurve();
        return new InlineProgress<TrainingProgress>(progress =>
        {
            if (curve.Add(progress))
            {
                events.Send("progress", new
                {
                    progress.Step,
                    progress.TotalSteps,
                    SecondsLeft = progress.Remaining.TotalSeconds,
                    Curve = curve.ToList(),
                });
            }
        });
    }
}
