using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Schedulers;

/// <summary>The tables of a diffusion process, by timestep, in Float32.</summary>
/// <remarks>Computed in the order and the types of diffusers, so that samplers have the same results.</remarks>
/// <example>
/// <code>
/// var schedule = new NoiseSchedule(new NoiseScheduleOptions { BetaSchedule = NoiseScheduleKind.Cosine });
/// double signal = Math.Sqrt(schedule.AlphasCumulative[500]);   // the factor of an image half-way
/// </code>
/// </example>
public sealed class NoiseSchedule
{
    // Nichol, Dhariwal 2021, section 3.2.
    private const double HighestCosineBeta = 0.999;

    /// <summary>Computes the tables.</summary>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public NoiseSchedule(NoiseScheduleOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        TorchRuntime.EnsureLoaded();
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Tensor betas = MakeBetas(options);
        if (options.RescaleBetasZeroSnr)
            betas = RescaleZeroTerminalSnr(betas);
        Tensor alphas = betas.SubtractedFrom(1);
        Betas = TensorMemory.ToArray<float>(betas);
        Alphas = TensorMemory.ToArray<float>(alphas);
        AlphasCumulative = TensorMemory.ToArray<float>(alphas.cumprod(0));
    }

    /// <summary>β: the variance that each timestep adds.</summary>
    public IReadOnlyList<float> Betas { get; }

    /// <summary>α = 1 − β.</summary>
    public IReadOnlyList<float> Alphas { get; }

    /// <summary>
    /// ᾱ: the product of all α up to each timestep, the part of a noisy image's variance that is image (Ho et al. 2020, eq. 4).
    /// </summary>
    public IReadOnlyList<float> AlphasCumulative { get; }

    private static Tensor MakeBetas(NoiseScheduleOptions options)
    {
        int count = options.TrainTimesteps;
        if (options.TrainedBetas is { } trained)
            return tensor(trained.ToArray());
        switch (options.BetaSchedule)
        {
            case NoiseScheduleKind.ScaledLinear:
                return linspace(Math.Sqrt(options.BetaStart), Math.Sqrt(options.BetaEnd), count, ScalarType.Float32).Squared();
            case NoiseScheduleKind.Sigmoid:
                return linspace(-6, 6, count, ScalarType.Float32).sigmoid().Times(options.BetaEnd - options.BetaStart).Plus(
                    options.BetaStart);
            case NoiseScheduleKind.Cosine:
                return tensor([.. Enumerable.Range(0, count).Select(i => (float)Math.Min(
                    1 - CosineBar((i + 1) / (double)count) / CosineBar(i / (double)count), HighestCosineBeta))]);
            default:
                return linspace(options.BetaStart, options.BetaEnd, count, ScalarType.Float32);
        }
    }

    private static double CosineBar(double time)
    {
        double cosine = Math.Cos((time + 0.008) / 1.008 * Math.PI / 2);
        return cosine * cosine;
    }

    private static Tensor RescaleZeroTerminalSnr(Tensor betas)
    {
        Tensor roots = betas.SubtractedFrom(1).cumprod(0).sqrt();
        Tensor first = roots[0].clone(), last = roots[-1].clone();
        roots = (roots - last) * (first / (first - last));
        Tensor cumulative = roots.Squared();
        // Where noise alone was left before, it stays so.
        Tensor earlier = cumulative[..^1], alphas = cat([cumulative[..1], (cumulative[1..] / earlier).Masked(earlier.EqualTo(0), 0.0)], 0);
        return alphas.SubtractedFrom(1);
    }
}
