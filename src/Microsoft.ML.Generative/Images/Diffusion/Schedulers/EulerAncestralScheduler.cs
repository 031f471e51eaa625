using Microsoft.ML.Generative.Images.Diffusion.Schedulers;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Schedulers;

/// <summary>Options of <see cref="EulerAncestralScheduler"/>.</summary>
public sealed record EulerAncestralSchedulerOptions : NoiseSchedulerOptions
{
    /// <summary>Initializes options with their defaults.</summary>
    public EulerAncestralSchedulerOptions()
        : base(TimestepSpacing.Linspace)
    {
    }

    internal override void Validate()
    {
        base.Validate();
        if (PredictionType == PredictionType.Sample)
            throw new ArgumentException(
                $"{nameof(PredictionType)} is {PredictionType}; expected {PredictionType.Epsilon} or "
                + $"{PredictionType.Velocity}.", nameof(PredictionType));
    }
}

/// <summary>Ancestral sampling (after Song et al. 2020): Euler's method to less noise than the step ends with, then new noise.</summary>
public sealed class EulerAncestralScheduler : NoiseScheduler
{
    private readonly EulerAncestralSchedulerOptions _options;
    private readonly SigmaSteps _steps;

    /// <summary>Creates a scheduler.</summary>
    /// <param name="options">Options. Default: those of diffusers.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public EulerAncestralScheduler(EulerAncestralSchedulerOptions? options = null)
        : base(options ??= new EulerAncestralSchedulerOptions())
    {
        _options = options;
        _steps = new SigmaSteps(AlphasCumulative);
    }

    private protected override SchedulerStep Advance(Tensor modelOutput, int index, Tensor sample, Func<Tensor>? noise)
    {
        (float from, float to) = (_steps[index], _steps[index + 1]);
        Tensor image = ImageBeside(from, sample, modelOutput);
        // √(to² − up²) is the square of the one over the other.
        double part = to / (double)from, down = part * to, up = to * Math.Sqrt(Math.Max(1 - part * part, 0));
        Tensor derivative = (sample - image).Over(from);
        return new SchedulerStep(sample.Plus(derivative, down - from).Plus(NoiseOf(noise, sample), up), image);
    }

    private protected override SigmaSteps FullSizeSteps => _steps;

    private protected override double[] Choose(int steps)
    {
        double[] timesteps = TimestepGrid.Evenly(TrainTimesteps, steps, _options.TimestepSpacing, _options.StepsOffset);
        _steps.Set(timesteps.Select(_steps.Table.At), last: 0);
        return timesteps;
    }
}
