using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Diffusion;
using Microsoft.ML.Generative.Images.Diffusion.Sampling;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Schedulers;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

public sealed class DiffusionSamplersTests
{
    [Theory]
    [InlineData(PredictionType.Epsilon)]
    [InlineData(PredictionType.Sample)]
    [InlineData(PredictionType.Velocity)]
    public void Guided_DDIM_goes_on_with_the_noise_that_belongs_to_the_clipped_image(PredictionType prediction)
    {
        // The sample is white with noise; the network tells an image that is whiter than white, as guided ones do.
        using DisposeScope scope = NewDisposeScope();
        var schedule = new NoiseScheduleOptions { BetaSchedule = NoiseScheduleKind.Cosine };
        IReadOnlyList<float> bar = new NoiseSchedule(schedule).AlphasCumulative;
        DiffusionDefinition model = DiffusionDefinition.Of(
            new DiffusionOptions { NoiseSchedule = schedule, Prediction = prediction }, new ImageShape(1, 4, 4), labelCount: 0,
            lowResolution: null, seed: 1);
        using NoiseScheduler sampler = DiffusionSamplers.Create(model, DiffusionSampler.Ddim, eta: 0, guidanceScale: 2);
        sampler.SetTimesteps(10);
        int t = (int)sampler.Timesteps[4], next = (int)sampler.Timesteps[5];
        Tensor noise = linspace(-2, 2, 16, ScalarType.Float32).view(1, 1, 4, 4), sample = At(t, full_like(noise, 1), noise);

        Tensor tooWhite = full_like(noise, 3), itsNoise = (sample - tooWhite.Times(Math.Sqrt(bar[t]))).Times(1 / Math.Sqrt(1 - bar[t]));
        Tensor output = prediction switch
        {
            PredictionType.Epsilon => itsNoise,
            PredictionType.Sample => tooWhite,
            _ => itsNoise.Times(Math.Sqrt(bar[t])) - tooWhite.Times(Math.Sqrt(1 - bar[t])),
        };
        Tensor found = sampler.Step(output, t, sample).Previous;

        Assert.Equal(0, (found - At(next, full_like(noise, 1), noise)).abs().max().ToDouble(), 1e-5);

        Tensor At(int time, Tensor image, Tensor e) => image.Times(Math.Sqrt(bar[time])).Plus(e, Math.Sqrt(1 - bar[time]));
    }
}
