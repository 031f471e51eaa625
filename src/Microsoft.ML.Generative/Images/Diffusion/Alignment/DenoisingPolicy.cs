using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Images.Diffusion.Sampling;
using Microsoft.ML.Generative.Images.Diffusion.Schedulers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Schedulers;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Diffusion.Alignment;

/// <summary>
/// The reverse process as a policy: each step but the last samples from a normal distribution, whose mean the network predicts (Black et
/// al. 2023, section 4.2). The steps are those of <see cref="DdpmScheduler"/>, which are those of <see cref="DdimScheduler"/> with η = 1
/// and the noise of the clipped image.
/// </summary>
internal sealed class DenoisingPolicy : IDisposable
{
    private static readonly double _halfLogTwoPi = 0.5 * Math.Log(2 * Math.PI);

    private readonly DenoiserNetwork _network;
    private readonly ConditionSet _conditions;
    private readonly PredictionType _prediction;
    private readonly double _guidanceScale;
    private readonly Tensor _timesteps;
    private readonly Tensor _signal;
    private readonly Tensor _noise;
    private readonly Tensor _imageFactor;
    private readonly Tensor _sampleFactor;
    private readonly Tensor _deviation;

    /// <param name="definition">The model, of a denoising process.</param>
    /// <param name="network">Its network, on the device.</param>
    /// <param name="steps">The number of steps.</param>
    /// <param name="guidanceScale">The scale of classifier-free guidance; 1 is none.</param>
    /// <param name="device">The device.</param>
    public DenoisingPolicy(DiffusionDefinition definition, DenoiserNetwork network, int steps, double guidanceScale, Device device)
    {
        (_network, _guidanceScale, _conditions) = (network, guidanceScale, definition.Conditions);
        _prediction = definition.Architecture.Prediction;
        int[] timesteps = TimestepsOf(definition.Architecture, steps);
        IReadOnlyList<float> alphas = new NoiseSchedule(definition.Architecture.NoiseSchedule).AlphasCumulative;
        Posterior[] posteriors = [.. timesteps.Select((t, i) =>
            Posterior.OfStep(alphas[t], i + 1 < timesteps.Length ? alphas[timesteps[i + 1]] : 1))];
        NoiseLevel[] levels = [.. timesteps.Select(t => NoiseLevel.OfAlphaCumulative(alphas[t]))];
        Steps = timesteps.Length;
        _timesteps = Table(timesteps.Select(t => (double)t));
        _signal = Table(levels.Select(l => (double)l.Signal));
        _noise = Table(levels.Select(l => (double)l.Noise));
        _imageFactor = Table(posteriors.Select(p => p.ImageFactor));
        _sampleFactor = Table(posteriors.Select(p => p.SampleFactor));
        _deviation = Table(posteriors.Select(p => (double)MathF.Sqrt(p.SmallVariance)));

        Tensor Table(IEnumerable<double> values) => tensor([.. values.Select(v => (float)v)], device: device).DetachFromDisposeScope();
    }

    /// <summary>The steps, of which the last is deterministic.</summary>
    public int Steps { get; }

    /// <summary>The distribution of a step's result.</summary>
    /// <param name="samples">The samples that the steps begin with, [batch, channels, height, width].</param>
    /// <param name="steps">Which step each of them takes, from 0, [batch] Int64.</param>
    /// <param name="conditions">Their conditions.</param>
    /// <returns>[batch, channels, height, width] and, above 0 but for the last step, [batch, 1, 1, 1].</returns>
    public (Tensor Mean, Tensor Deviation) Step(Tensor samples, Tensor steps, ConditionValues conditions)
    {
        var denoiser = new GuidedDenoiser(_network, _conditions, conditions, _guidanceScale, rescale: 0);
        Tensor output = denoiser.Predict(samples, _timesteps.index_select(0, steps), withVariance: false);
        Tensor image = new NoiseFactors(At(_signal, steps), At(_noise, steps)).Image(samples, output, _prediction);
        image = SampleThreshold.Clip(image, range: 1);
        return ((At(_imageFactor, steps) * image).Plus(At(_sampleFactor, steps) * samples), At(_deviation, steps));
    }

    /// <summary>The logarithm of the density of steps' results, the mean over the pixels as in ddpo-pytorch: [batch].</summary>
    /// <param name="next">The results, [batch, channels, height, width].</param>
    /// <param name="mean">The mean of their distribution.</param>
    /// <param name="deviation">Its standard deviation, [batch, 1, 1, 1].</param>
    public static Tensor LogDensity(Tensor next, Tensor mean, Tensor deviation) =>
        (((next - mean) / deviation).Squared().Times(-0.5) - deviation.log()).Plus(-_halfLogTwoPi).flatten(1).mean([1]);

    /// <summary>Takes all steps.</summary>
    /// <param name="noise">The noise of the images, its next call [images, channels, height, width].</param>
    /// <param name="conditions">Their conditions.</param>
    /// <param name="check">Called before each step; ends the process by an exception.</param>
    /// <returns>The noise that the first step begins with, and the results of all steps; the last are images in −1..1.</returns>
    public Tensor[] Run(Func<Tensor> noise, ConditionValues conditions, Action check)
    {
        Tensor[] samples = new Tensor[Steps + 1];
        samples[0] = noise();
        for (int step = 0; step < Steps; step++)
        {
            check();
            Tensor steps = TensorFactory.Constant([samples[0].size(0)], (long)step, samples[0].device);
            (Tensor mean, Tensor deviation) = Step(samples[step], steps, conditions);
            samples[step + 1] = step + 1 < Steps ? mean.Plus(deviation * noise()) : mean;
        }

        return samples;
    }

    public void Dispose()
    {
        foreach (Tensor table in (Tensor[])[_timesteps, _signal, _noise, _imageFactor, _sampleFactor, _deviation])
            table.Dispose();
    }

    private static int[] TimestepsOf(DiffusionArchitecture architecture, int steps)
    {
        using NoiseScheduler scheduler = SchedulerKinds.Of(DiffusionSampler.Ddpm).CreateFor(architecture, eta: 0);
        scheduler.SetTimesteps(steps);
        return [.. scheduler.Timesteps.Select(t => (int)t)];
    }

    // [batch, 1, 1, 1]
    private static Tensor At(Tensor table, Tensor steps) => table.index_select(0, steps).view(-1, 1, 1, 1);
}
