using Microsoft.ML.Generative.Images.Diffusion.Schedulers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Schedulers;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Diffusion;

/// <summary>
/// The quantities of a noise schedule that training and evaluation need, by timestep on a device; computed in Float64 and kept in Float32.
/// </summary>
internal sealed class NoiseTables : IDisposable
{
    private const double Smallest = 1e-20;

    private readonly Tensor _signal;
    private readonly Tensor _noise;
    private readonly Tensor _snr;
    private readonly Tensor _imageFactor;
    private readonly Tensor _sampleFactor;
    private readonly Tensor _logPosteriorVariance;
    private readonly Tensor _logBeta;

    public NoiseTables(NoiseSchedule schedule, Device device)
    {
        double[] betas = [.. schedule.Betas], cumulative = [.. schedule.AlphasCumulative];
        Posterior[] posteriors = [.. betas.Select((beta, t) => Posterior.Of(beta, cumulative[t], t == 0 ? 1 : cumulative[t - 1]))];
        // At the first step the variance is 0; its logarithm is then taken as the second's, as Ho et al. 2020 do.
        double[] variances = betas.Length == 1 ? betas : [posteriors[1].Variance, .. posteriors[1..].Select(p => p.Variance)];

        _signal = Table(cumulative.Select(Math.Sqrt));
        _noise = Table(cumulative.Select(a => Math.Sqrt(1 - a)));
        _snr = Table(cumulative.Select(a => a / Math.Max(1 - a, Smallest)));
        _imageFactor = Table(posteriors.Select(p => p.ImageFactor));
        _sampleFactor = Table(posteriors.Select(p => p.SampleFactor));
        _logPosteriorVariance = Table(variances.Select(v => Math.Log(Math.Max(v, Smallest))));
        _logBeta = Table(betas.Select(b => Math.Log(Math.Max(b, Smallest))));

        Tensor Table(IEnumerable<double> values) => tensor([.. values.Select(v => (float)v)], device: device).DetachFromDisposeScope();
    }

    /// <summary>Image and noise in q(x[t] | x₀), Ho et al. 2020, eq. 4.</summary>
    /// <param name="timesteps">t, [batch] Int64.</param>
    public NoiseFactors Factors(Tensor timesteps) => new(At(_signal, timesteps), At(_noise, timesteps));

    /// <summary>Mean and log variance of q(x[t] | x₀), Ho et al. 2020, eq. 4.</summary>
    public (Tensor Mean, Tensor LogVariance) Noisy(Tensor images, Tensor timesteps)
    {
        NoiseFactors factors = Factors(timesteps);
        return (factors.Signal * images, factors.Noise.log().Times(2).expand_as(images));
    }

    /// <summary>Mean and log variance of q(x[t−1] | x[t], x₀), Ho et al. 2020, eq. 6 and 7.</summary>
    public (Tensor Mean, Tensor LogVariance) PosteriorOf(Tensor images, Tensor noisy, Tensor timesteps) =>
        ((At(_imageFactor, timesteps) * images).Plus(At(_sampleFactor, timesteps) * noisy), At(_logPosteriorVariance, timesteps));

    /// <summary>The log variance of a step of the reverse process.</summary>
    /// <param name="output">The network's output, if it predicts the variance; else the variance is β.</param>
    /// <param name="timesteps">t, [batch] Int64.</param>
    public Tensor LogVariance(Tensor? output, Tensor timesteps) => output is null
        ? At(_logBeta, timesteps)
        : Posterior.LearnedLogVariance(output, At(_logPosteriorVariance, timesteps), At(_logBeta, timesteps));

    /// <summary>Weights of rows, [batch]: Hang et al. 2023, section 3.4.</summary>
    public Tensor MinSnrWeights(Tensor timesteps, PredictionType prediction, double gamma)
    {
        Tensor snr = _snr.index_select(0, timesteps), clipped = snr.AtMost(gamma);
        return prediction switch
        {
            PredictionType.Sample => clipped,
            PredictionType.Velocity => clipped / snr.Plus(1),
            _ => clipped / snr,
        };
    }

    public void Dispose()
    {
        foreach (Tensor table in (Tensor[])[_signal, _noise, _snr, _imageFactor, _sampleFactor, _logPosteriorVariance, _logBeta])
            table.Dispose();
    }

    // [batch, 1, 1, 1]
    private static Tensor At(Tensor table, Tensor timesteps) => table.index_select(0, timesteps).view(-1, 1, 1, 1);
}
