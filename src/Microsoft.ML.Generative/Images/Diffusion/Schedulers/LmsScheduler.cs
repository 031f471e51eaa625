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

/// <summary>
/// A linear multistep method along the probability flow, as K. Crowson's k-diffusion has it: Adams, Bashforth 1883, for steps of any
/// length.
/// </summary>
public sealed class LmsScheduler : NoiseScheduler
{
    private readonly LmsSchedulerOptions _options;
    private readonly SigmaSteps _steps;
    private readonly List<(Tensor Values, float Sigma)> _derivatives = [];

    /// <summary>Creates a scheduler.</summary>
    /// <param name="options">Options. Default: those of diffusers.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public LmsScheduler(LmsSchedulerOptions? options = null)
        : base(options ??= new LmsSchedulerOptions())
    {
        _options = options;
        _steps = new SigmaSteps(AlphasCumulative);
        Use(Choose([.. Timesteps]));
    }

    private protected override SchedulerStep Advance(Tensor modelOutput, int index, Tensor sample, Func<Tensor>? noise)
    {
        (float sigma, float end) = (_steps[index], _steps[index + 1]);
        Tensor image = ImageBeside(sigma, sample, modelOutput);
        // A step without length has no direction of its own to combine.
        if (end == sigma)
            return new SchedulerStep(sample.alias(), image);
        _derivatives.Add((Remember((sample - image).Over(sigma)), sigma));
        if (_derivatives.Count > _options.Order)
        {
            _derivatives[0].Values.Dispose();
            _derivatives.RemoveAt(0);
        }

        // Where the loop began, there are fewer than the order.
        Tensor next = sample;
        for (int i = _derivatives.Count - 1; i >= 0; i--)
            next = next.Plus(_derivatives[i].Values, Coefficient(i, sigma, end));
        return new SchedulerStep(next, image);
    }

    private protected override SigmaSteps FullSizeSteps => _steps;

    private protected override double[] Choose(int steps) =>
        Choose(TimestepGrid.Evenly(TrainTimesteps, steps, _options.TimestepSpacing, _options.StepsOffset));

    private double[] Choose(double[] even)
    {
        (double[] timesteps, double[] sigmas) = _steps.Space(even, _options, highest: null, lowest: null, t => (float)t);
        _steps.Set(sigmas, last: 0);
        return timesteps;
    }

    private protected override void Forget()
    {
        foreach ((Tensor values, _) in _derivatives)
            values.Dispose();
        _derivatives.Clear();
    }

    // The integral of the Lagrange polynomial that is 1 at the σ of one direction and 0 at the others: of degree 3 at most, for which
    // Simpson's rule is exact.
    private double Coefficient(int which, double start, double end)
    {
        return (end - start) / 6 * (Polynomial(start) + 4 * Polynomial((start + end) / 2) + Polynomial(end));

        double Polynomial(double tau)
        {
            double product = 1;
            for (int k = 0; k < _derivatives.Count; k++)
            {
                if (k != which)
                    product *= (tau - _derivatives[k].Sigma) / ((double)_derivatives[which].Sigma - _derivatives[k].Sigma);
            }

            return product;
        }
    }
}
