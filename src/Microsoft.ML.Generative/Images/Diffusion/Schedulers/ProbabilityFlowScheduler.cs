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
/// The deterministic process between images and noise in even steps, in either direction (Song et al. 2020, section 4.3): the noise that
/// it finds for an image is the one that it generates the image from. Beside DDIM it goes to the last timestep itself, clips nothing, and
/// has flow matching too.
/// </summary>
internal sealed class ProbabilityFlowScheduler : NoiseScheduler
{
    // Flow matching's first point: networks learn nothing of images without any noise.
    private const double LowestSigma = 1e-3;
    private const float LowestSignal = 1e-6f;

    private readonly ProbabilityFlowOptions _options;
    private FlowPoint[] _points = [];

    public ProbabilityFlowScheduler(ProbabilityFlowOptions options)
        : base(options)
    {
        _options = options;
    }

    private protected override SchedulerStep Advance(Tensor modelOutput, int index, Tensor sample, Func<Tensor>? noise)
    {
        (FlowPoint from, FlowPoint to) = (_points[index], _points[index + 1]);
        (Tensor image, Tensor epsilon) = _options.IsFlowMatching
            ? (sample.Plus(modelOutput, -from.Level.Noise), sample.Plus(modelOutput, from.Level.Signal))
            : (Image(sample, modelOutput, from.Level with { Signal = MathF.Max(from.Level.Signal, LowestSignal) }), Epsilon(
                sample, modelOutput, from.Level));
        return new SchedulerStep(to.Level.On(sample.device).Sample(image, epsilon), image);
    }

    private protected override double Highest => _options.IsFlowMatching ? TrainTimesteps : base.Highest;

    private protected override double[] Choose(int steps)
    {
        IEnumerable<int> indices = Enumerable.Range(0, steps + 1);
        FlowPoint[] points = _options.IsFlowMatching
            ? [.. indices.Select(i => LowestSigma + (1 - LowestSigma) * i / steps)
                .Select(sigma => new FlowPoint(sigma * TrainTimesteps, new NoiseLevel((float)(1 - sigma), (float)sigma)))]
            : [.. indices.Select(i => (int)Math.Round((TrainTimesteps - 1.0) * i / steps)).Distinct()
                .Select(t => new FlowPoint(t, NoiseLevel.OfAlphaCumulative(AlphasCumulative[t])))];
        if (!_options.IsInverse)
            Array.Reverse(points);
        _points = points;
        return [.. points[..^1].Select(point => point.Time)];
    }

    /// <summary>A time of the process, and what its samples are made of.</summary>
    private readonly record struct FlowPoint(double Time, NoiseLevel Level);
}
