using Microsoft.ML.Generative.Schedulers;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

/// <summary>The predictor and the sample that diffusers' own tests run its schedulers with.</summary>
internal static class DummyDiffusion
{
    public static Tensor Sample(bool isReversed = false, bool isLine = false)
    {
        int count = 4 * 3 * 8 * (isLine ? 1 : 8);
        Tensor values = arange(count, ScalarType.Float32);
        values = (isReversed ? values.flip(0) : values).div(count);
        return (isLine ? values.reshape(3, 8, 4).permute(2, 0, 1) : values.reshape(3, 8, 8, 4).permute(3, 0, 1, 2)).contiguous();
    }

    public static Tensor Predict(Tensor sample, double timestep) => sample * (float)(timestep / (timestep + 1));

    /// <summary>Sum and mean of the absolute values after all steps.</summary>
    /// <param name="scheduler">A scheduler whose timesteps are set.</param>
    /// <param name="start">The first step; where it is not 0, noise is added to the sample as far as that.</param>
    /// <param name="isLine">Whether samples have one dimension in place of height and width.</param>
    public static (double Sum, double Mean) Run(NoiseScheduler scheduler, int start = 0, bool isLine = false)
    {
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator(0);
        Tensor sample = Sample(isLine: isLine) * (float)scheduler.InitialNoiseSigma;
        double[] timesteps = [.. scheduler.Timesteps.Skip(start)];
        if (start > 0)
            sample = scheduler.AddNoise(sample, Sample(isReversed: true, isLine), tensor(new[] { timesteps[0] }));
        foreach (double t in timesteps)
        {
            sample = scheduler.ScaleModelInput(sample, t);
            sample = scheduler.Step(Predict(sample, t), t, sample, () => randn(sample.shape, generator: generator)).Previous;
        }

        return (sample.abs().sum().ToDouble(), sample.abs().mean().ToDouble());
    }

    public static void Check(
        NoiseScheduler scheduler, double? sum, double mean, int start = 0, double tolerance = 0.01, bool isLine = false)
    {
        using (scheduler)
        {
            (double foundSum, double foundMean) = Run(scheduler, start, isLine);
            if (sum is { } expected)
                Assert.Equal(expected, foundSum, tolerance);
            Assert.Equal(mean, foundMean, 1e-3);
        }
    }

    public static TScheduler With<TScheduler>(TScheduler scheduler, int steps)
        where TScheduler : NoiseScheduler
    {
        scheduler.SetTimesteps(steps);
        return scheduler;
    }
}
