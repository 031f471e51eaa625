using Microsoft.ML.Generative;

namespace Module10.Models;

/// <summary>The losses of a training, thinned out to as many points as a chart can show.</summary>
internal sealed class LossCurve
{
    private const int Points = 120;

    private readonly List<double[]> _points = [];
    private long _last = -1;

    /// <summary>Keeps a report if it is far enough from the last.</summary>
    /// <returns>Whether it was kept.</returns>
    public bool Add(TrainingProgress progress)
    {
        long place = progress.Step * Points / Math.Max(1, progress.TotalSteps);
        if (place == _last && progress.Step != progress.TotalSteps)
            return false;
        _last = place;
        _points.Add([progress.Step, progress.RecentLoss]);
        return true;
    }

    public IReadOnlyList<double[]> ToList() => [.. _points];
}
