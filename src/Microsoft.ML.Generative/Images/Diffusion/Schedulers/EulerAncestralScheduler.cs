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
            throw new ArgumentException($"{nameof(PredictionType)} is {PredictionType}; expected {PredictionType.Epsilon} or {PredictionType.Velocity}.", nameof(PredictionType));
    }
}

/// <summary>Euler's method to less noise than the step should have, and noise to make up for it (after Song et al. 2020, ancestral sampling).</summary>
public sealed class EulerAncestralScheduler : SigmaNoiseScheduler
{
    private readonly EulerAncestralSchedulerOptions _options;

    /// <summary>Makes a scheduler.</summary>
    /// <param name="options">Its options. Default: those of diffusers.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public EulerAncestralScheduler(EulerAncestralSchedulerOptions? options = null)
        : base(options ??= new EulerAncestralSchedulerOptions())
    {
        _options = options;
    }

    private protected override SchedulerStep Advance(Tensor modelOutput, double timestep, Tensor sample, Func<Tensor>? noise)
    {
        int index = Index(timestep);
        (float from, float to) = (Sigmas[index], Sigmas[index + 1]);
        Tensor image = ImageAt(sample, modelOutput, from);
        float up = MathF.Sqrt(to * to * (from * from - to * to) / (from * from)), down = MathF.Sqrt(to * to - up * up);
        Tensor derivative = (sample - image).Over(from);
        CountStep();
        return new SchedulerStep(sample.Plus(derivative, down - from).Plus(Draw(noise, sample), up), image);
    }

    private protected override double[] Choose(int steps)
    {
        double[] timesteps = TimestepGrid.Evenly(TrainTimesteps, steps, _options.TimestepSpacing, _options.StepsOffset);
        Sigmas = [.. timesteps.Select(t => (float)Table.At(t)), 0];
        return timesteps;
    }
}
