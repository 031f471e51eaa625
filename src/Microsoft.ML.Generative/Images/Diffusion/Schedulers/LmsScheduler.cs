using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Images.Diffusion.Schedulers;
using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Schedulers;

/// <summary>Options of <see cref="LmsScheduler"/>.</summary>
public sealed record LmsSchedulerOptions : SigmaSchedulerOptions
{
    /// <summary>Earlier directions that a step goes by, with its own, 1 to 4. Default: 4.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public int Order { get; init; } = 4;

    internal override void Validate()
    {
        base.Validate();
        OptionChecks.Between(Order, 1, 4);
    }
}

/// <summary>A linear multistep method along the probability flow, as K. Crowson's k-diffusion has it: Adams, Bashforth 1883, for steps of any length.</summary>
public sealed class LmsScheduler : SigmaNoiseScheduler
{
    private readonly LmsSchedulerOptions _options;
    private readonly List<Tensor> _derivatives = [];

    /// <summary>Makes a scheduler.</summary>
    /// <param name="options">Its options. Default: those of diffusers.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public LmsScheduler(LmsSchedulerOptions? options = null)
        : base(options ??= new LmsSchedulerOptions())
    {
        _options = options;
        SetTimesteps(TrainTimesteps);
    }

    private protected override SchedulerStep Advance(Tensor modelOutput, double timestep, Tensor sample, Func<Tensor>? noise)
    {
        int index = Index(timestep);
        float sigma = Sigmas[index];
        Tensor image = ImageAt(sample, modelOutput, sigma);
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
        CountStep();
        return new SchedulerStep(next, image);
    }

    private protected override double[] Choose(int steps)
    {
        (double[] timesteps, double[] sigmas) = Space(TimestepGrid.Evenly(TrainTimesteps, steps, _options.TimestepSpacing, _options.StepsOffset), _options);
        Sigmas = [.. sigmas.Select(s => (float)s), 0];
        return timesteps;
    }

    private protected override void Forget()
    {
        base.Forget();
        foreach (Tensor derivative in _derivatives ?? [])
            derivative.Dispose();
        _derivatives?.Clear();
    }

    // The integral of the Lagrange polynomial that is 1 at one of the earlier σ and 0 at the others: of degree 3 at most, for which Simpson's rule is exact.
    private double Coefficient(int order, int index, int which)
    {
        double start = Sigmas[index], end = Sigmas[index + 1];
        return (end - start) / 6 * (Polynomial(start) + 4 * Polynomial((start + end) / 2) + Polynomial(end));

        double Polynomial(double tau)
        {
            double product = 1;
            for (int k = 0; k < order; k++)
            {
                if (k != which)
                    product *= (tau - Sigmas[index - k]) / ((double)Sigmas[index - which] - Sigmas[index - k]);
            }

            return product;
        }
    }
}
