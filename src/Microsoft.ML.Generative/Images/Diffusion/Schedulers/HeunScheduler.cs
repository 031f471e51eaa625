using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Images.Diffusion.Schedulers;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Schedulers;

/// <summary>Options of <see cref="HeunScheduler"/>. By default β goes from 0.00085 to 0.012, as in diffusers.</summary>
public sealed record HeunSchedulerOptions : SigmaSchedulerOptions
{
    /// <summary>Initializes options with their defaults.</summary>
    public HeunSchedulerOptions()
    {
        Schedule = new NoiseScheduleOptions { BetaStart = 0.00085, BetaEnd = 0.012 };
    }

    /// <summary>Whether a predicted image is clipped to ±<see cref="ClipSampleRange"/>. Default: false.</summary>
    [JsonPropertyName("clip_sample")]
    public bool ClipSample { get; init; }

    /// <summary>The largest value of a predicted image, above 0. Default: 1.</summary>
    [JsonPropertyName("clip_sample_range")]
    public double ClipSampleRange { get; init; } = 1;

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.Positive(ClipSampleRange);
    }
}

/// <summary>
/// Heun's method along the probability flow (Karras et al. 2022, algorithm 1): each step calls the predictor twice, so that all timesteps
/// but the first stand twice in <see cref="NoiseScheduler.Timesteps"/>.
/// </summary>
public sealed class HeunScheduler : NoiseScheduler
{
    private readonly HeunSchedulerOptions _options;
    private readonly SigmaSteps _steps;
    private (Tensor Derivative, Tensor Sample)? _first;

    /// <summary>Creates a scheduler.</summary>
    /// <param name="options">Options. Default: those of diffusers.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public HeunScheduler(HeunSchedulerOptions? options = null)
        : base(options ??= new HeunSchedulerOptions())
    {
        _options = options;
        _steps = new SigmaSteps(AlphasCumulative);
        Use(Choose([.. Timesteps]));
    }

    /// <summary>Sets the timesteps to given ones; all but the first are taken twice.</summary>
    /// <param name="timesteps">Falling, below <see cref="NoiseScheduler.TrainTimesteps"/>.</param>
    /// <exception cref="ArgumentException">They are not, or the options space them by the noise.</exception>
    public void SetTimesteps(IReadOnlyList<int> timesteps)
    {
        CheckTimesteps(timesteps, areSpacedByNoise: _options.HasOwnSigmas);
        Use(Choose([.. timesteps.Select(t => (double)t)]));
    }

    private protected override SchedulerStep Advance(Tensor modelOutput, int index, Tensor sample, Func<Tensor>? noise)
    {
        bool isFirst = _first is null;
        (float sigma, float next) = isFirst ? (_steps[index], _steps[index + 1]) : (_steps[index - 1], _steps[index]);
        Tensor image = ImageBeside(isFirst ? sigma : next, sample, modelOutput);
        if (_options.ClipSample)
            image = SampleThreshold.Clip(image, _options.ClipSampleRange);

        Tensor derivative = (sample - image).Over(isFirst ? sigma : next), result;
        if (_first is { } first)
        {
            result = first.Sample.Plus(first.Derivative.Plus(derivative).Times(0.5), next - sigma);
            ForgetFirst();
        }
        else
        {
            result = sample.Plus(derivative, next - sigma);
            _first = (Remember(derivative), Remember(sample));
        }

        return new SchedulerStep(result, image);
    }

    private protected override IEnumerable<int> FindStepStarts(int count) => Enumerable.Range(0, (count + 1) / 2).Select(step => 2 * step);

    internal override bool HasOverlappingSteps => true;

    private protected override SigmaSteps FullSizeSteps => _steps;

    private protected override double[] Choose(int steps) =>
        Choose(TimestepGrid.Evenly(TrainTimesteps, steps, _options.TimestepSpacing, _options.StepsOffset));

    private protected override void Forget() => ForgetFirst();

    private double[] Choose(double[] even)
    {
        (double[] timesteps, double[] sigmas) = _steps.Space(even, _options, highest: null, lowest: null, t => (float)t);
        _steps.Set([sigmas[0], .. sigmas.Skip(1).SelectMany(s => Enumerable.Repeat(s, 2))], last: 0);
        return [timesteps[0], .. timesteps.Skip(1).SelectMany(t => Enumerable.Repeat(t, 2))];
    }

    private void ForgetFirst()
    {
        _first?.Derivative.Dispose();
        _first?.Sample.Dispose();
        _first = null;
    }
}
