using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Images.Diffusion.Schedulers;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Schedulers;

/// <summary>Options of <see cref="LmsScheduler"/>.</summary>
public sealed record LmsSchedulerOptions : SigmaSchedulerOptions
{
    /// <summary>The method's order, 1 to 4: as many directions are combined, the step's own and earlier ones. Default: 4.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public int Order { get; init; } = 4;

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.Between(Order, 1, 4);
    }
}

/// <summary>A linear multistep method along the probability flow, as K. Crowson's k-diffusion has it: Adams, Bashforth 1883, for steps of any length.</summary>
public sealed class LmsScheduler : NoiseScheduler
{
    private readonly LmsSchedulerOptions _options;
    private readonly SigmaSteps _steps;
    private readonly List<Tensor> _derivatives = [];

    /// <summary>Creates a scheduler.</summary>
    /// <param name="options">Options. Default: those of diffusers.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public LmsScheduler(LmsSchedulerOptions? options = null)
        : base(options ??= new LmsSchedulerOptions())
    {
        _options = options;
        _steps = new SigmaSteps(AlphasCumulative, options.Schedule);
        SetTimesteps(TrainTimesteps);
    }

    private protected override SchedulerStep Advance(Tensor modelOutput, double timestep, Tensor sample, Func<Tensor>? noise)
    {
        int index = _steps.Current(IndexOf(timestep));
        float sigma = _steps[index];
        Tensor image = ImageBeside(sigma, sample, modelOutput);
        _derivatives.Add(Remember((sample - image).Over(sigma)));
        if (_derivatives.Count > _options.Order)
        {
            _derivatives[0].Dispose();
            _derivatives.RemoveAt(0);
        }

        int order = Math.Min(index + 1, _options.Order);
        Tensor next = sample;
        for (int i = 0; i < Math.Min(order, _derivatives.Count); i++)
            next = next.Plus(_derivatives[^(i + 1)], Coefficient(order, index, i));
        _steps.MoveNext();
        return new SchedulerStep(next, image);
    }

    private protected override SigmaSteps FullSizeSteps => _steps;

    private protected override double[] Choose(int steps)
    {
        double[] even = TimestepGrid.Evenly(TrainTimesteps, steps, _options.TimestepSpacing, _options.StepsOffset);
        (double[] timesteps, double[] sigmas) = _steps.Space(even, _options, highest: null, lowest: null, t => (float)t);
        _steps.Set(sigmas, last: 0);
        return timesteps;
    }

    private protected override void Forget()
    {
        _steps.Restart();
        foreach (Tensor derivative in _derivatives ?? [])
            derivative.Dispose();
        _derivatives?.Clear();
    }

    // The integral of the Lagrange polynomial that is 1 at one of the earlier σ and 0 at the others: of degree 3 at most, for which Simpson's rule is exact.
    private double Coefficient(int order, int index, int which)
    {
        double start = _steps[index], end = _steps[index + 1];
        return (end - start) / 6 * (Polynomial(start) + 4 * Polynomial((start + end) / 2) + Polynomial(end));

        double Polynomial(double tau)
        {
            double product = 1;
            for (int k = 0; k < order; k++)
            {
                if (k != which)
                    product *= (tau - _steps[index - k]) / ((double)_steps[index - which] - _steps[index - k]);
            }

            return product;
        }
    }
}
