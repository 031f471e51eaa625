using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Gan;
using Microsoft.ML.Generative.Images.Gan.Networks;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

public class AdversarialObjectiveTests
{
    private static StepContext Step(long step, Generator generator) => new(step, 1000, IsTraining: true, generator, CPU);

    [Fact]
    public void Each_network_gets_the_gradient_of_its_own_loss_alone()
    {
        var options = new GanOptions { LatentSize = 2, HiddenSizes = [4], MaxSteps = 1, Seed = 1 };
        GanArchitecture architecture = GanArchitecture.Of(options, new RowShape(null, 2), 0);
        using GeneratorNetwork g = architecture.CreateGenerator();
        using DiscriminatorNetwork d = DiscriminatorArchitecture.Of(architecture, options).Create();
        var objective = new AdversarialObjective(
            architecture, options, g, d, new GanHealth(Hosts.Create(new MLContext()).Start("test"), options));
        using var discriminator = new TrainedNetwork("d", d, options);
        using var generator = new TrainedNetwork("g", g, options);
        float[] Gradients(nn.Module module) => [.. module.parameters().SelectMany(p => p.grad!.clone().data<float>().ToArray())];
        var seen = new List<(float[] Discriminator, float[] Generator)>();
        Action look = () => seen.Add((Gradients(d), Gradients(g)));
        Toys.Loop(options,
        [
            new TrainingPhase(discriminator, new NoiseBatches(8, 2, 3), objective.DiscriminatorLosses) { AfterUpdate = look },
            new TrainingPhase(generator, new GeneratedBatches(8), objective.GeneratorLosses) { AfterUpdate = look },
        ]).Run();

        Assert.All(seen[0].Generator, gradient => Assert.Equal(0, gradient));
        Assert.Contains(seen[0].Discriminator, gradient => gradient != 0);
        Assert.Equal(seen[0].Discriminator, seen[1].Discriminator);
        Assert.Contains(seen[1].Generator, gradient => gradient != 0);
    }

    [Fact]
    public void Validation_scores_the_generator_too_with_what_it_generates_and_nothing_else()
    {
        using var generator = new Generator(1);
        var options = new GanOptions { LatentSize = 2, HiddenSizes = [4], InstanceNoise = 10 };
        GanArchitecture architecture = GanArchitecture.Of(options, new RowShape(null, 2), 0);
        using var g = new Always(zeros(4, 2));
        using var d = new Watching();
        var objective = new AdversarialObjective(
            architecture, options, g, d, new GanHealth(Hosts.Create(new MLContext()).Start("test"), options));
        StepContext validation = Step(1, generator) with { IsTraining = false };
        Losses losses = objective.GeneratorLosses(validation, new TensorBatch(4, randn(4, 2)));
        // −log σ(0), of rows without noise.
        Assert.Equal(Math.Log(2), losses.Total.ToDouble(), 1e-6);
        Assert.Empty(losses.Terms);
        Assert.All(Assert.Single(d.Rows).data<float>().ToArray(), value => Assert.Equal(0, value));
    }

    [Fact]
    public void A_lazy_penalty_comes_every_nth_step_and_weighs_n_times_as_much()
    {
        using var generator = new Generator(1);
        var options = new GanOptions
        {
            LatentSize = 2,
            HiddenSizes = [4],
            R1Weight = 0.5,
            PenaltyInterval = 4,
            DiscriminatorNormalization = GanNormalization.None,
        };
        GanArchitecture architecture = GanArchitecture.Of(options, new RowShape(null, 2), 0);
        using GeneratorNetwork g = architecture.CreateGenerator();
        using DiscriminatorNetwork d = DiscriminatorArchitecture.Of(architecture, options).Create();
        var training = new AdversarialObjective(
            architecture, options, g, d, new GanHealth(Hosts.Create(new MLContext()).Start("test"), options));
        Tensor rows = randn(8, 2);

        Losses At(long step)
        {
            generator.manual_seed(5);
            return training.DiscriminatorLosses(Step(step, generator), new TensorBatch(8, rows));
        }

        Losses without = At(3), with = At(4);
        Assert.DoesNotContain(without.Terms, t => t.Name == "R1");
        double penalty = with.Terms.Single(t => t.Name == "R1").Value.ToDouble();
        Assert.True(penalty > 0);
        Assert.Equal(without.Total.ToDouble() + 0.5 * 4 * penalty, with.Total.ToDouble(), 5);
    }

    [Fact]
    public void Clipping_keeps_all_weights_within_the_bound()
    {
        var options = new GanOptions { LatentSize = 2, HiddenSizes = [4], Objective = GanObjective.Wasserstein, WeightClip = 0.05 };
        GanArchitecture architecture = GanArchitecture.Of(options, new RowShape(null, 2), 0);
        using GeneratorNetwork g = architecture.CreateGenerator();
        using DiscriminatorNetwork d = DiscriminatorArchitecture.Of(architecture, options).Create();
        using (no_grad())
        {
            new AdversarialObjective(
                architecture, options, g, d, new GanHealth(Hosts.Create(new MLContext()).Start("test"), options)).ClipWeights();
        }
        Assert.All(d.parameters(), p => Assert.True(p.abs().max().ToDouble() <= 0.05f));
    }

    // Three of four real rows are taken for real: r_t is ½.
    [Theory]
    [InlineData(0.4, 0.2)]
    [InlineData(0.6, 0)]
    public void Adaptive_augmentation_aims_at_the_target(double target, double expected)
    {
        using var generator = new Generator(1);
        var options = new GanOptions
        {
            LatentSize = 2,
            Augmentation = GanAugmentations.Translation,
            AdaptiveAugmentation = true,
            AugmentationTarget = target,
            AugmentationRows = 20,
        };
        GanArchitecture architecture = GanArchitecture.Of(options, new RowShape(new ImageShape(1, 16, 16), 256), 0);
        using var g = new Always(zeros(4, 1, 16, 16));
        using var d = new Watching();
        var training = new AdversarialObjective(
            architecture, options, g, d, new GanHealth(Hosts.Create(new MLContext()).Start("test"), options));
        training.DiscriminatorLosses(Step(1, generator), new TensorBatch(4, tensor([1f, 1, 1, 0]).view(4, 1, 1, 1).expand(4, 1, 16, 16)));
        Assert.Equal(0, d.AugmentationProbability.ToDouble());
        using (no_grad())
            training.EndDiscriminatorStep();
        Assert.Equal(expected, d.AugmentationProbability.ToDouble(), 5);
    }

    // A straight line: all of it at first, half of it in the middle.
    [Theory]
    [InlineData(1, 0.4)]
    [InlineData(501, 0.2)]
    public void Noise_is_added_to_all_that_the_discriminator_sees_and_falls_to_0(long step, double deviation)
    {
        var seen = Seen(new GanOptions { LatentSize = 2, InstanceNoise = 0.4 }, null, zeros(2000, 2), zeros(2000, 2), step);
        Assert.Equal(3, seen.Count);
        Assert.All(seen, rows => Assert.Equal(deviation, rows.std().ToDouble(), 0.05 * deviation));
    }

    [Fact]
    public void All_that_the_discriminator_sees_is_augmented()
    {
        var options = new GanOptions { LatentSize = 2, Augmentation = GanAugmentations.Cutout };
        var seen = Seen(options, new ImageShape(1, 16, 16), ones(4, 1, 16, 16), ones(4, 1, 16, 16), 1);
        Assert.Equal(3, seen.Count);
        // Something of each image is cut out, and at most the half of each side.
        Assert.All(seen, images => Assert.All(
            images.eq(0).to(ScalarType.Float32).mean([1L, 2, 3]).data<float>().ToArray(), part => Assert.InRange(part, 1 / 256f, 0.25f)));
    }

    // What the discriminator is shown in a step of its own (real, then generated rows) and in one of the generator's.
    private static List<Tensor> Seen(GanOptions options, ImageShape? shape, Tensor real, Tensor generated, long step)
    {
        using var generator = new Generator(1);
        GanArchitecture architecture = GanArchitecture.Of(options, new RowShape(shape, (int)real[0].numel()), 0);
        using var g = new Always(generated);
        using var d = new Watching();
        var training = new AdversarialObjective(
            architecture, options, g, d, new GanHealth(Hosts.Create(new MLContext()).Start("test"), options));
        training.DiscriminatorLosses(Step(step, generator), new TensorBatch((int)real.size(0), real));
        training.GeneratorLosses(Step(step, generator), new TensorBatch((int)real.size(0)));
        return d.Rows;
    }

    [Theory]
    [InlineData("accuracy", "R1Weight")]
    [InlineData("collapsed", "MinibatchStandardDeviation")]
    [InlineData("collapsed within classes", "MinibatchStandardDeviation")]
    [InlineData("diverged", "Spectral")]
    public void The_log_says_what_goes_wrong_and_which_option_helps(string what, string option)
    {
        var ml = new MLContext();
        List<string> warnings = Logs.Warnings(ml);
        using var generator = new Generator(1);
        using IChannel channel = Hosts.Create(ml).Start("test");
        var health = new GanHealth(channel, new GanOptions());
        Tensor real = randn(64, 2), good = randn(64, 2), same = randn(1, 2).expand(64, 2), tie = randn(64);
        Tensor classes = arange(64, int64).remainder(4), oneEach = randn(4, 2).index_select(0, classes);
        for (int step = 1; step <= 500; step++)
        {
            using DisposeScope scope = NewDisposeScope();
            _ = what switch
            {
                "accuracy" => health.Observe(Step(step, generator), real, good, null, ones(64), -ones(64)).Count(),
                "collapsed" => health.Observe(Step(step, generator), real, same, null, tie, tie).Count(),
                "collapsed within classes" => health.Observe(Step(step, generator), real, oneEach, classes, tie, tie).Count(),
                _ => health.Observe(Step(step, generator), real, good, null, tie * 1e5, tie * 1e5).Count(),
            };
        }

        // Once, and once more after as many steps as a warning is valid for.
        Assert.InRange(warnings.Count, 1, 2);
        Assert.All(warnings, w => Assert.Contains(option, w));
    }

    [Fact]
    public void Balanced_training_gets_no_warning()
    {
        var ml = new MLContext();
        List<string> warnings = Logs.Warnings(ml);
        using var generator = new Generator(1);
        using IChannel channel = Hosts.Create(ml).Start("test");
        var health = new GanHealth(channel, new GanOptions());
        for (int step = 1; step <= 400; step++)
        {
            using DisposeScope scope = NewDisposeScope();
            _ = health.Observe(Step(step, generator), randn(64, 2), randn(64, 2), null, randn(64) + 0.5, randn(64) - 0.5).Count();
        }

        Assert.Empty(warnings);
    }

    // Karras et al. 2020, section 3.1: p rises while D takes all real images for real, and falls to 0 while it takes none. Least squares
    // has 0.5 between the two.
    [Theory]
    [InlineData(GanObjective.NonSaturating, 100, -100)]
    [InlineData(GanObjective.LeastSquares, 0.6, 0.4)]
    public void Adaptive_augmentation_follows_the_sign_of_the_discriminators_results(GanObjective objective, double real, double generated)
    {
        using var generator = new Generator(1);
        var options = new GanOptions
        {
            Objective = objective,
            DiscriminatorNormalization = GanNormalization.None,
            BaseChannels = 2,
            LatentSize = 2,
            Augmentation = GanAugmentations.Translation,
            AdaptiveAugmentation = true,
            AugmentationRows = 80,
        };
        GanArchitecture architecture = GanArchitecture.Of(options, new RowShape(new ImageShape(1, 16, 16), 256), 0);
        using GeneratorNetwork g = architecture.CreateGenerator();
        using DiscriminatorNetwork d = DiscriminatorArchitecture.Of(architecture, options).Create();
        var training = new AdversarialObjective(
            architecture, options, g, d, new GanHealth(Hosts.Create(new MLContext()).Start("test"), options));
        var bias = d.named_parameters().Single(p => p.name.EndsWith("score.bias", StringComparison.Ordinal)).parameter;

        var weight = d.named_parameters().Single(p => p.name.EndsWith("score.weight", StringComparison.Ordinal)).parameter;

        double After(double logit, long step)
        {
            using (no_grad())
            {
                weight.zero_();
                bias.fill_(logit);
            }

            training.DiscriminatorLosses(Step(step, generator), new TensorBatch(8, rand(8, 1, 16, 16)));
            using (no_grad())
                training.EndDiscriminatorStep();
            return d.AugmentationProbability.ToDouble();
        }

        Assert.Equal(0.1, After(real, 1), 5);
        Assert.Equal(0.2, After(real, 2), 5);
        Assert.Equal(0.1, After(generated, 3), 5);
        Assert.Equal(0, After(generated, 4), 5);
        Assert.Equal(0, After(generated, 5), 5);
    }

    private sealed class Always(Tensor rows) : GeneratorNetwork(nameof(Always))
    {
        public override Tensor Forward(Tensor z, Tensor? labels) => rows;
    }

    private sealed class Watching() : DiscriminatorNetwork(nameof(Watching))
    {
        public List<Tensor> Rows { get; } = [];

        public override Tensor Forward(Tensor rows, Tensor? labels)
        {
            Rows.Add(rows.detach());
            return rows.flatten(1).sum([1]);
        }
    }
}
