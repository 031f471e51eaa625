using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Schedulers;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Diffusion.Schedulers;

/// <summary>Options of <see cref="ProbabilityFlowScheduler"/>.</summary>
internal sealed record ProbabilityFlowOptions() : NoiseSchedulerOptions(TimestepSpacing.Linspace)
{
    /// <summary>Whether samples lie on straight lines from images to noise, as flow matching has them.</summary>
    public bool IsFlowMatching { get; init; }

    /// <summary>Whether the steps go from images to noise.</summary>
    public bool IsInverse { get; init; }
}

/// <summary>
/// The deterministic process between images and noise in even steps, in either direction (Song et al. 2020, section 4.3): the noise that it finds for an image is the
/// one that it generates the image from. Beside DDIM it goes to the last timestep itself, clips nothing, and has flow matching too.
/// </summary>
internal sealed class ProbabilityFlowScheduler : NoiseScheduler
{
    // Flow matching's first point: networks learn nothing of images without any noise.
    private const double LowestSigma = 1e-3;
    private const double LowestSignal = 1e-6;

    private readonly ProbabilityFlowOptions _options;
    private FlowPoint[] _points = [];

    public ProbabilityFlowScheduler(ProbabilityFlowOptions options)
        : base(options)
    {
        _options = options;
    }

    private protected override SchedulerStep Advance(Tensor modelOutput, double timestep, Tensor sample, Func<Tensor>? noise)
    {
        int index = IndexOf(timestep);
        (FlowPoint from, FlowPoint to) = (_points[index], _points[index + 1]);
        (Tensor image, Tensor epsilon) = _options.IsFlowMatching
            ? (sample.Plus(modelOutput, -from.Noise), sample.Plus(modelOutput, from.Signal))
            : (Image(sample, modelOutput, (float)Math.Max(from.Signal, LowestSignal), (float)from.Noise), Noise(sample, modelOutput, (float)from.Signal, (float)from.Noise));
        return new SchedulerStep(image.Times(to.Signal).Plus(epsilon, to.Noise), image);
    }

    private protected override double Highest => _options.IsFlowMatching ? TrainTimesteps : base.Highest;

    private protected override double[] Choose(int steps)
    {
        IEnumerable<int> indices = Enumerable.Range(0, steps + 1);
        FlowPoint[] points = _options.IsFlowMatching
            ? [.. indices.Select(i => LowestSigma + (1 - LowestSigma) * i / steps).Select(sigma => new FlowPoint(sigma * TrainTimesteps, 1 - sigma, sigma))]
            : [.. indices.Select(i => (int)Math.Round((TrainTimesteps - 1.0) * i / steps)).Distinct()
                .Select(t => new FlowPoint(t, Math.Sqrt(AlphasCumulative[t]), Math.Sqrt(1 - AlphasCumulative[t])))];
        if (!_options.IsInverse)
            Array.Reverse(points);
        _points = points;
        return [.. points[..^1].Select(point => point.Time)];
    }

    /// <summary>A time of the process, and the factors of image and noise in its samples.</summary>
    private readonly record struct FlowPoint(double Time, double Signal, double Noise);
}
