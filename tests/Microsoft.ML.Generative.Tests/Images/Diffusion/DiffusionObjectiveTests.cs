using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Images.Diffusion;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Images.Diffusion.Sampling;
using Microsoft.ML.Generative.Images.Diffusion.Schedulers;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Schedulers;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

public class DiffusionObjectiveTests
{
    private static NoiseSchedule Schedule { get; } = new(new NoiseScheduleOptions());

    [Theory]
    [InlineData(1)]
    [InlineData(400)]
    [InlineData(999)]
    public void The_posterior_is_that_of_Bayes_rule(int t)
    {
        using DisposeScope scope = NewDisposeScope();
        using var tables = new NoiseTables(Schedule, CPU);
        Tensor x0 = full([1, 1, 1, 1], 0.7f), xt = full([1, 1, 1, 1], -0.4f), time = tensor(new[] { (long)t });
        (Tensor mean, Tensor logVariance) = tables.PosteriorOf(x0, xt, time);

        // q(x[t−1] | x[t], x0) ∝ q(x[t] | x[t−1]) q(x[t−1] | x0): a product of two normal densities.
        double beta = Schedule.Betas[t], alpha = 1 - beta, before = Schedule.AlphasCumulative[t - 1];
        double precision = alpha / beta + 1 / (1 - before);
        Assert.Equal(1 / precision, Math.Exp(logVariance.ToDouble()), 1e-3 / precision);
        Assert.Equal((Math.Sqrt(alpha) * -0.4 / beta + Math.Sqrt(before) * 0.7 / (1 - before)) / precision, mean.ToDouble(), 1e-3);
    }

    [Theory]
    [InlineData(PredictionType.Epsilon)]
    [InlineData(PredictionType.Sample)]
    [InlineData(PredictionType.Velocity)]
    public void What_is_predicted_tells_image_and_noise(PredictionType prediction)
    {
        using DisposeScope scope = NewDisposeScope();
        using var tables = new NoiseTables(Schedule, CPU);
        Tensor x0 = randn(3, 1, 2, 2), noise = randn(3, 1, 2, 2), times = tensor(new long[] { 0, 400, 900 });
        NoiseFactors factors = tables.Factors(times);
        Tensor noisy = factors.Sample(x0, noise);
        Tensor output = prediction switch
        {
            PredictionType.Sample => x0,
            PredictionType.Velocity => factors.Velocity(x0, noise),
            _ =>
            noise
        };
        Assert.True((factors.Image(noisy, output, prediction) - x0).abs().max().ToDouble() < 1e-2);
        Assert.True((factors.Epsilon(noisy, output, prediction) - noise).abs().max().ToDouble() < 1e-2);
    }

    [Theory]
    [InlineData(PredictionType.Epsilon, 5 / 9.0)]
    [InlineData(PredictionType.Sample, 5)]
    [InlineData(PredictionType.Velocity, 0.5)]
    public void Weights_are_those_of_the_paper(PredictionType prediction, double expected)
    {
        // Hang et al. 2023: an SNR of 9 (ᾱ = 0.9) and γ = 5.
        using DisposeScope scope = NewDisposeScope();
        using var tables = new NoiseTables(new NoiseSchedule(new() { TrainTimesteps = 1, TrainedBetas = [0.1f] }), CPU);
        Assert.Equal(expected, tables.MinSnrWeights(tensor(new[] { 0L }), prediction, 5).ToDouble(), 1e-4);
    }

    [Fact]
    public void The_masses_of_all_levels_sum_to_one()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor levels = arange(256, ScalarType.Float32) / 255 * 2 - 1;
        foreach (double mean in (double[])[-1, 0.123, 0.9])
        {
            Tensor mass = DiffusionObjective.PixelLogLikelihood(levels, full_like(levels, mean), full_like(levels, Math.Log(0.05))).exp();
            Assert.Equal(1, mass.sum().ToDouble(), 1e-4);
        }
    }

    [Fact]
    public void The_divergence_of_two_normal_distributions_is_the_closed_form()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor one = ones(1);
        // log(σ2/σ1) + (σ1² + (μ1 − μ2)²) / (2 σ2²) − ½ with σ1 = 2, σ2 = 1, μ1 − μ2 = 3.
        double found = DiffusionObjective.GaussianDivergence(3 * one, Math.Log(4) * one, 0 * one, 0 * one).ToDouble();
        Assert.Equal(Math.Log(0.5) + (4 + 9) / 2.0 - 0.5, found, 1e-5);
        Assert.Equal(0, DiffusionObjective.GaussianDivergence(3 * one, one, 3 * one, one).ToDouble(), 1e-6);
    }

    [Fact]
    public void Guidance_goes_beyond_what_the_class_says()
    {
        using DisposeScope scope = NewDisposeScope();
        using var network = new OneNumber();
        Tensor x = zeros(2, 1, 2, 2);
        var conditions = new ConditionSet(new LabelCondition("Label", 3, HasNull: true));
        var values = new ConditionValues(tensor(new long[] { 1, 2 }));
        // Without a class 3 is told: the classes' 1 and 2 are left away from it.
        Tensor found = new GuidedDenoiser(network, conditions, values, scale: 2, rescale: 0).Predict(x, 10, withVariance: false);
        Assert.Equal([-1f, 1f], TensorMemory.ToArray<float>(found.mean([1, 2, 3])));
        Tensor plain = new GuidedDenoiser(network, conditions, values, scale: 1, rescale: 0).Predict(x, 10, withVariance: false);
        Assert.Equal([1f, 2f], TensorMemory.ToArray<float>(plain.mean([1, 2, 3])));
    }

    private sealed class OneNumber() : DenoiserNetwork(nameof(OneNumber))
    {
        public override AdaptableNetwork Adaptable => new([], []);

        protected override DenoiserNetwork CreateAlike(double dropout) => new OneNumber();

        public override Tensor Forward(Tensor x, Tensor time, ConditionValues conditions) =>
            x + conditions.Labels!.to(ScalarType.Float32).view(-1, 1, 1, 1);
    }
}
