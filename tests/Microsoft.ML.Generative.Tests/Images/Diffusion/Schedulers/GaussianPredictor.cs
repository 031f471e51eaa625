using Microsoft.ML.Generative.Schedulers;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

/// <summary>The best possible predictor of data that is normal, of which everything about its process is known.</summary>
/// <param name="Mean">The data's mean.</param>
/// <param name="Deviation">Its standard deviation; 0: all images are the mean.</param>
internal sealed record GaussianPredictor(double Mean, double Deviation)
{
    /// <summary>Whether σ between two timesteps is even in its logarithm, as where steps are spaced by σ itself.</summary>
    public bool IsEvenInLogarithm { get; init; }

    public Tensor Predict(NoiseScheduler scheduler, Tensor x, double time)
    {
        (double signal, double rest) = LevelAt(scheduler, time);
        Tensor scaled = (x - signal * Mean) / (signal * signal * Deviation * Deviation + rest * rest);
        Tensor noise = rest * scaled, image = Mean + signal * Deviation * Deviation * scaled;
        return scheduler.PredictionType switch
        {
            PredictionType.Sample => image,
            PredictionType.Velocity => signal * noise - rest * image,
            _ => noise,
        };
    }

    /// <summary>Where the flow leads a sample of variance 1: it keeps how many standard deviations each value is from the mean.</summary>
    public Tensor EndOf(NoiseScheduler scheduler, Tensor x, double time)
    {
        (double signal, double rest) = LevelAt(scheduler, time);
        return Mean + Deviation * (x - signal * Mean) / Math.Sqrt(signal * signal * Deviation * Deviation + rest * rest);
    }

    /// <summary>Between timesteps as the samplers themselves have it: σ in a straight line, or its logarithm.</summary>
    public (double Signal, double Noise) LevelAt(NoiseScheduler scheduler, double time)
    {
        IReadOnlyList<float> cumulative = new NoiseSchedule(scheduler.Schedule).AlphasCumulative;
        int low = (int)Math.Floor(time);
        if (low == time)
            return (Math.Sqrt(cumulative[low]), Math.Sqrt(1 - (double)cumulative[low]));
        double sigma = IsEvenInLogarithm
            ? Math.Exp(double.Lerp(Math.Log(Sigma(low)), Math.Log(Sigma(low + 1)), time - low))
            : double.Lerp(Sigma(low), Sigma(low + 1), time - low);
        return (1 / Math.Sqrt(1 + sigma * sigma), sigma / Math.Sqrt(1 + sigma * sigma));

        // Where nothing of the image is left, the samplers take half precision's smallest number.
        double Sigma(int t) => Math.Sqrt((1 - cumulative[t]) / Math.Max(cumulative[t], cumulative[^1] == 0 ? 1.0 / (1 << 24) : 0));
    }
}
