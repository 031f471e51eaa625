using System.Text.Json;
using Microsoft.ML.Generative.Training.Checkpoints;
using Microsoft.ML.Generative.Training.Reporting;

namespace Microsoft.ML.Generative.Training.Distributed;

/// <summary>
/// Begins a loop in all processes alike: where process 0 begins it, which alone has the checkpoints, and with its weights to the bit.
/// </summary>
internal sealed class SharedStart(
    ProcessGroup group, IReadOnlyList<TrainedNetwork> networks, IReadOnlyList<BatchFeed> feeds, BestWeights? best, TrainingMeter meter)
{
    /// <summary>Takes over where process 0 is.</summary>
    /// <returns>The step that was done last, the norm of its gradient, and whether the loop has finished.</returns>
    public (long Step, double? GradientNorm, bool IsFinished) Share(long step, double? gradientNorm, bool isFinished)
    {
        var own = new Place(
            step, gradientNorm, isFinished, [.. feeds.Select(f => f.Position)], [.. networks.Select(n => n.Steps)], best?.Score);
        byte[] bytes = group.FromLeader("the beginning of a loop", JsonSerializer.SerializeToUtf8Bytes(own));
        Place place = JsonSerializer.Deserialize<Place>(bytes)!;
        if (!group.IsLeader)
        {
            for (int i = 0; i < feeds.Count && !place.IsFinished; i++)
                feeds[i].Start(place.Feeds[i]);
            for (int i = 0; i < networks.Count; i++)
                networks[i].Resume(place.NetworkSteps[i]);
            if (place.Best is { } score)
                best?.Resume(score);
            meter.Resume(new MeterState(0, 0, [], 0), place.Step);
        }

        group.Broadcast("weights", networks.SelectMany(n => n.State).Concat(best?.State ?? []).Select(s => s.Values));
        return (place.Step, place.GradientNorm, place.IsFinished);
    }

    private sealed record Place(
        long Step, double? GradientNorm, bool IsFinished, FeedPosition[] Feeds, long[] NetworkSteps, BestScore? Best);
}
