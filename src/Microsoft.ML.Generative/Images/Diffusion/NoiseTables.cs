using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Schedulers;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Diffusion;

/// <summary>What training and evaluation need of a noise schedule, as tensors of timesteps on a device, computed in Float64 and kept in Float32.</summary>
internal sealed class NoiseTables : IDisposable
{
    private readonly Tensor _signal;
    private readonly Tensor _noise;
    private readonly Tensor _snr;
    private readonly Tensor _imageFactor;
    private readonly Tensor _noisyFactor;
    private readonly Tensor _logPosteriorVariance;
    private readonly Tensor _logBeta;

    public NoiseTables(NoiseSchedule schedule, Device device)
    {
        using DisposeScope scope = NewDisposeScope();
        double[] betas = [.. schedule.Betas.ToArray().Select(b => (double)b)];
        Tensor beta = tensor(betas), alpha = beta.SubtractedFrom(1);
        Tensor cumulative = tensor(schedule.AlphasCumulative.ToArray().Select(a => (double)a).ToArray());
        Tensor before = cat([ones(1, ScalarType.Float64), cumulative.narrow(0, 0, betas.Length - 1)], 0);
        Tensor left = cumulative.SubtractedFrom(1).AtLeast(1e-20);

        // Ho et al. 2020, eq. 7. At the first step the variance is 0; its logarithm is then taken as the second's, as the authors do.
        Tensor variance = beta * before.SubtractedFrom(1) / left;
        Tensor clipped = betas.Length == 1 ? beta : cat([variance.narrow(0, 1, 1), variance.narrow(0, 1, betas.Length - 1)], 0);

        _signal = Keep(cumulative.sqrt());
        _noise = Keep(cumulative.SubtractedFrom(1).sqrt());
        _snr = Keep(cumulative / left);
        _imageFactor = Keep(beta * before.sqrt() / left);
        _noisyFactor = Keep(before.SubtractedFrom(1) * alpha.sqrt() / left);
        _logPosteriorVariance = Keep(clipped.AtLeast(1e-20).log());
        _logBeta = Keep(beta.AtLeast(1e-20).log());

        Tensor Keep(Tensor table) => table.to(ScalarType.Float32).to(device).DetachFromDisposeScope();
    }

    /// <summary>q(x[t] | x0), Ho et al. 2020, eq. 4.</summary>
    public Tensor AddNoise(Tensor images, Tensor noise, Tensor timesteps) =>
        (At(_signal, timesteps) * images).Plus(At(_noise, timesteps) * noise);

    /// <summary>Mean and log variance of q(x[t] | x0), Ho et al. 2020, eq. 4.</summary>
    public (Tensor Mean, Tensor LogVariance) Noisy(Tensor images, Tensor timesteps) =>
        (At(_signal, timesteps) * images, At(_noise, timesteps).log().Times(2).expand_as(images));

    /// <summary>v of Salimans, Ho 2022, section 4.</summary>
    public Tensor Velocity(Tensor images, Tensor noise, Tensor timesteps) =>
        At(_signal, timesteps) * noise - At(_noise, timesteps) * images;

    /// <summary>x0, from what the network was asked for.</summary>
    public Tensor Image(Tensor noisy, Tensor output, Tensor timesteps, PredictionType prediction) => prediction switch
    {
        PredictionType.Sample => output,
        PredictionType.Velocity => At(_signal, timesteps) * noisy - At(_noise, timesteps) * output,
        _ => (noisy - At(_noise, timesteps) * output) / At(_signal, timesteps),
    };

    /// <summary>ε, from what the network was asked for.</summary>
    public Tensor Noise(Tensor noisy, Tensor output, Tensor timesteps, PredictionType prediction) => prediction switch
    {
        PredictionType.Sample => (noisy - At(_signal, timesteps) * output) / At(_noise, timesteps),
        PredictionType.Velocity => (At(_noise, timesteps) * noisy).Plus(At(_signal, timesteps) * output),
        _ => output,
    };

    /// <summary>Mean and log variance of q(x[t−1] | x[t], x0), Ho et al. 2020, eq. 6 and 7.</summary>
    public (Tensor Mean, Tensor LogVariance) Posterior(Tensor images, Tensor noisy, Tensor timesteps) =>
        ((At(_imageFactor, timesteps) * images).Plus(At(_noisyFactor, timesteps) * noisy), At(_logPosteriorVariance, timesteps));

    /// <summary>The log variance of a step back: between its bounds (Nichol, Dhariwal 2021, eq. 15), or β.</summary>
    public Tensor LogVariance(Tensor? output, Tensor timesteps)
    {
        Tensor highest = At(_logBeta, timesteps);
        if (output is null)
            return highest;
        Tensor part = output.Plus(1).Times(0.5);
        return (part * highest).Plus(part.SubtractedFrom(1) * At(_logPosteriorVariance, timesteps));
    }

    /// <summary>Hang et al. 2023, section 3.4: weights of rows, [batch].</summary>
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
        foreach (Tensor table in (Tensor[])[_signal, _noise, _snr, _imageFactor, _noisyFactor, _logPosteriorVariance, _logBeta])
            table.Dispose();
    }

    // [batch, 1, 1, 1]
    private static Tensor At(Tensor table, Tensor timesteps) => table.index_select(0, timesteps).view(-1, 1, 1, 1);
}
