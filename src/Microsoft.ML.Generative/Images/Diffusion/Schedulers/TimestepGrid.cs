using Microsoft.ML.Generative.Schedulers;

namespace Microsoft.ML.Generative.Images.Diffusion.Schedulers;

/// <summary>The timesteps that a sampler takes (Lin et al. 2023, table 2), in the order and with the rounding of diffusers.</summary>
internal static class TimestepGrid
{
    /// <summary>From the noisiest: whole numbers.</summary>
    public static double[] Whole(int trainTimesteps, int steps, TimestepSpacing spacing, int offset) =>
        [.. Evenly(trainTimesteps, steps, spacing, offset).Select(t => Math.Round(t, MidpointRounding.ToEven))];

    /// <summary>From the noisiest: where both ends are taken, those between them need not be whole.</summary>
    public static double[] Evenly(int trainTimesteps, int steps, TimestepSpacing spacing, int offset) => spacing switch
    {
        TimestepSpacing.Linspace => [.. Linspace(0, trainTimesteps - 1, steps).Reverse().Select(t => (double)(float)t)],
        TimestepSpacing.Leading => Leading(Enumerable.Range(0, steps), trainTimesteps, steps, offset),
        _ => Trailing(trainTimesteps, trainTimesteps, steps),
    };

    /// <summary>From the noisiest, for solvers that end a step before the first timestep.</summary>
    public static double[] WithoutLast(int trainTimesteps, int lastTimestep, int steps, TimestepSpacing spacing, int offset) =>
        spacing switch
        {
            TimestepSpacing.Linspace =>
                [.. Linspace(0, lastTimestep - 1, steps + 1).Skip(1).Reverse().Select(t => Math.Round(t, MidpointRounding.ToEven))],
            TimestepSpacing.Leading => Leading(Enumerable.Range(1, steps), lastTimestep, steps + 1, offset),
            _ => Trailing(trainTimesteps, lastTimestep, steps),
        };

    /// <summary>Even values from one to another, both included.</summary>
    public static double[] Linspace(double start, double end, int count) =>
        count == 1 ? [start] : [.. Enumerable.Range(0, count).Select(
            i => i == count - 1 ? end : start + i * ((end - start) / (count - 1)))];

    // Whole strides, as diffusers has them, unless they leave out a tenth of the process or more, at its noisy end.
    private static double[] Leading(IEnumerable<int> indices, int timesteps, int strides, int offset)
    {
        int stride = timesteps / strides;
        bool isWhole = timesteps % strides < timesteps / 10;
        return [.. indices.Select(i => (double)((isWhole ? (long)i * stride : (long)i * timesteps / strides) + offset)).Reverse()];
    }

    private static double[] Trailing(int trainTimesteps, int lastTimestep, int steps)
    {
        double ratio = trainTimesteps / (double)steps;
        // Rounding may leave a sliver beyond the last step, which numpy would take for one more.
        int count = Math.Min((int)Math.Ceiling(lastTimestep / ratio), steps);
        return [.. Enumerable.Range(0, count).Select(i => Math.Round(lastTimestep - i * ratio, MidpointRounding.ToEven) - 1)];
    }
}
