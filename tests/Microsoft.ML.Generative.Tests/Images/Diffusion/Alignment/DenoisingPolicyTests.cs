using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Images.Diffusion;
using Microsoft.ML.Generative.Images.Diffusion.Alignment;
using Microsoft.ML.Generative.Images.Diffusion.Sampling;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Schedulers;
using Microsoft.ML.Generative.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

public sealed class DenoisingPolicyTests
{
    private static readonly Lazy<DiffusionTransformer> _base = new(() => TinyRewards.Train(TinyDiffusion.Options()));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Its_images_are_those_of_DDPM_which_are_those_of_DDIM_with_all_its_noise(bool isDdim)
    {
        DiffusionTransformer model = _base.Value;
        using var scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        using var policy = new DenoisingPolicy(model.Definition, model.Network, steps: 6, guidanceScale: 1, CPU);
        Tensor[] samples = policy.Run(Noise().Next, new ConditionValues(), () => { });

        using NoiseScheduler scheduler = isDdim
            ? new DdimScheduler(new DdimSchedulerOptions { Eta = 1, UseClippedModelOutput = true })
            : new DdpmScheduler();
        scheduler.SetTimesteps(6);
        var denoiser = new GuidedDenoiser(model.Network, model.Definition.Conditions, new ConditionValues(), 1, 0);
        KeyedNoise noise = Noise();
        Tensor sample = noise.Next();
        for (int i = 0; i < 6; i++)
        {
            Assert.Equal(0, (sample - samples[i]).abs().max().ToDouble(), 1e-4);
            double time = scheduler.Timesteps[i];
            sample = scheduler.Step(denoiser.Predict(sample, time, withVariance: false), time, sample, noise.Next).Previous;
        }

        Assert.Equal(0, (sample - samples[6]).abs().max().ToDouble(), 1e-4);

        KeyedNoise Noise() => new([3, 4], model.Definition.Architecture.Shape.Dimensions, CPU);
    }

    [Fact]
    public void The_log_density_is_that_of_a_normal_distribution_its_mean_over_the_pixels()
    {
        using var scope = NewDisposeScope();
        // −z²/2 − ln σ − ln √2π with σ = 2 and z = ½, −1 and 0.
        Tensor density = DenoisingPolicy.LogDensity(
            tensor(new float[] { 1, -2, 0, 0 }, [2, 1, 1, 2]), zeros(2, 1, 1, 2), tensor(new float[] { 2, 2 }, [2, 1, 1, 1]));
        Assert.Equal((-0.125 - 0.5) / 2 - 0.693147 - 0.918939, density[0].ToDouble(), 1e-5);
        Assert.Equal(-0.693147 - 0.918939, density[1].ToDouble(), 1e-5);
    }

    [Fact]
    public void The_loss_is_that_of_proximal_policy_optimization()
    {
        using var scope = NewDisposeScope();
        Tensor none = zeros(1), one = ones(1);
        // Advantage 1, ε 0.2: a ratio of e counts as 1.2, one of 1/e as it is.
        Assert.Equal(-1.2, PolicyLoss.Of(one, none, one, 0.2).Total.ToDouble(), 1e-6);
        Assert.Equal(-1 / Math.E, PolicyLoss.Of(-one, none, one, 0.2).Total.ToDouble(), 1e-6);
        // Advantage −1: the other way around.
        Assert.Equal(Math.E, PolicyLoss.Of(one, none, -one, 0.2).Total.ToDouble(), 1e-6);
        Assert.Equal(0.8, PolicyLoss.Of(-one, none, -one, 0.2).Total.ToDouble(), 1e-6);

        PolicyLoss loss = PolicyLoss.Of(tensor(new[] { 1f, 0f, 0.1f, 0f }), zeros(4), ones(4), 0.2);
        Assert.Equal(0.25, loss.ClippedPart.ToDouble(), 1e-6);
        Assert.Equal((Math.E + 2 + Math.Exp(0.1)) / 4, loss.Ratio.ToDouble(), 1e-6);
        Assert.Equal((1 + 0.01) / 4 / 2, loss.ApproximateDivergence.ToDouble(), 1e-6);

        // At unchanged weights, the gradient is that of REINFORCE, −A·∇ ln p.
        Tensor parameter = zeros(3, requires_grad: true);
        PolicyLoss.Of(parameter, zeros(3), tensor(new[] { 2f, -1f, 0f }), 1e-4).Total.backward();
        Assert.Equal([-2f / 3, 1f / 3, 0f], TensorMemory.ToArray<float>(parameter.grad!), (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Fact]
    public void Advantages_are_those_of_the_tracker_of_ddpo_pytorch()
    {
        // PerPromptStatTracker(buffer_size=4, min_count=4), by hand. First no class has four rewards: all have mean 3 and deviation 2. In
        // the second roll-out class 0 has [1, 1, 5, 5], of mean 3 and deviation 2; class 1 has three: it is compared with [5, 0, 3].
        var tracker = new RewardStatistics(4);
        double[] first = tracker.Advantages([1, 1, 5, 5], [0, 0, 0, 1]);
        Assert.All(new double[] { -1, -1, 1, 1 }.Zip(first), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        double[] second = tracker.Advantages([5, 0, 3], [0, 1, 1]);
        double mean = 8.0 / 3, deviation = Math.Sqrt(((5 - mean) * (5 - mean) + mean * mean + (3 - mean) * (3 - mean)) / 3);
        Assert.Equal(1, second[0], 1e-5);
        Assert.Equal(-mean / deviation, second[1], 1e-5);
        Assert.Equal((3 - mean) / deviation, second[2], 1e-5);
        // Of class 0 the four newest count: [1, 5, 5, 9] has the mean 5 and the deviation √8.
        var restored = new RewardStatistics(4);
        restored.Restore((System.Text.Json.Nodes.JsonObject)System.Text.Json.Nodes.JsonNode.Parse(tracker.Save().ToJsonString())!);
        Assert.Equal(4 / Math.Sqrt(8), restored.Advantages([9], [0])[0], 1e-5);

        Assert.Equal([-1, 1], new RewardStatistics(0).Advantages([0, 2], [0, 1]).Select(a => Math.Round(a, 6)));
        Assert.Equal([-1, 1], new RewardStatistics(4).Advantages([0, 2], null).Select(a => Math.Round(a, 6)));
        Assert.Equal([0, 0], new RewardStatistics(4).Advantages([2, 2], null));
    }

    [Fact]
    public void A_roll_out_has_each_step_but_the_last_once_with_the_density_that_the_network_gives_it()
    {
        DiffusionRewardOptions options = TinyRewards.Options(_base.Value);
        using var scope = NewDisposeScope();
        MLContext ml = new(seed: 1);
        (options.ImagesPerEpoch, options.BatchSize, options.Steps, options.Seed) = (5, 4, 4, 1);
        var host = Hosts.Create(ml);
        using TrainingRun run = TrainingRun.Open(ml, host, options);
        using var policy = new DenoisingPolicy(_base.Value.Definition, _base.Value.Network, 4, 1, CPU);
        using Data.Batches.TensorSource rows = run.ReadData(
            TinyImages.AsVectors(ml, 3), DiffusionTransformer.TrainingTensors(
                TinyImages.AsVectors(ml, 3).Schema, _base.Value.Definition.Architecture, _base.Value.Definition.Columns));
        using var rollouts = new DenoisingRollouts(run, _base.Value.Definition, policy, rows);
        Assert.Equal(4, rollouts.BatchesPerEpoch);
        rollouts.StartEpoch(0);
        var batches = Enumerable.Range(0, 4).Select(_ => rollouts.Next()).ToList();
        Assert.Equal([4, 4, 4, 3], batches.Select(b => b.Rows));
        long[] steps = [.. batches.SelectMany(b => TensorMemory.ToArray<long>(b[2]))];
        Assert.Equal([5, 5, 5], Enumerable.Range(0, 3).Select(step => steps.Count(s => s == step)));

        using IDisposable noGradient = no_grad();
        foreach (var batch in batches)
        {
            (Tensor mean, Tensor deviation) = policy.Step(batch[0], batch[2], new ConditionValues());
            Tensor density = DenoisingPolicy.LogDensity(batch[1], mean, deviation);
            Assert.Equal(TensorMemory.ToArray<float>(density), TensorMemory.ToArray<float>(batch[3]));
            // The noise of a step is standard normal: nothing is far beyond.
            Assert.InRange(((batch[1] - mean) / deviation).abs().max().ToDouble(), 1, 6);
        }

        // The images of an epoch share an advantage, and all of them have the mean 0.
        float[] advantages = [.. batches.SelectMany(b => TensorMemory.ToArray<float>(b[4]))];
        Assert.Equal([3, 3, 3, 3, 3], advantages.GroupBy(a => a).Select(g => g.Count()));
        Assert.Equal(0, advantages.Average(), 1e-5);
    }
}
