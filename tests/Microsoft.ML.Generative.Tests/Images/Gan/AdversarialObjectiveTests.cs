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
    public void The_generators_step_gives_the_discriminator_no_gradient()
    {
        using var generator = new Generator(1);
        var options = new GanOptions { LatentSize = 2, HiddenSizes = [4] };
        GanArchitecture architecture = GanArchitecture.Of(options, new RowShape(null, 2), 0);
        using GeneratorNetwork g = architecture.CreateGenerator();
        using DiscriminatorNetwork d = DiscriminatorArchitecture.Of(architecture, options).Create();
        var training = new AdversarialObjective(architecture, options, g, d, new GanHealth(Hosts.Create(new MLContext()).Start("test"), options));

        training.GeneratorLosses(Step(1, generator), new TensorBatch(8)).Total.backward();
        Assert.All(d.parameters(), p => Assert.True(p.grad is null));
        Assert.All(g.parameters(), p => Assert.True(p.grad is not null));

        foreach (var p in g.parameters())
            p.grad = null;
        training.DiscriminatorLosses(Step(1, generator), new TensorBatch(8, randn(8, 2))).Total.backward();
        Assert.All(d.parameters(), p => Assert.True(p.grad is not null));
        Assert.All(g.parameters(), p => Assert.True(p.grad is null));
    }

    [Fact]
    public void A_lazy_penalty_comes_every_nth_step_and_weighs_n_times_as_much()
    {
        using var generator = new Generator(1);
        var options = new GanOptions { LatentSize = 2, HiddenSizes = [4], R1Weight = 0.5, PenaltyInterval = 4, DiscriminatorNormalization = GanNormalization.None };
        GanArchitecture architecture = GanArchitecture.Of(options, new RowShape(null, 2), 0);
        using GeneratorNetwork g = architecture.CreateGenerator();
        using DiscriminatorNetwork d = DiscriminatorArchitecture.Of(architecture, options).Create();
        var training = new AdversarialObjective(architecture, options, g, d, new GanHealth(Hosts.Create(new MLContext()).Start("test"), options));
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
            new AdversarialObjective(architecture, options, g, d, new GanHealth(Hosts.Create(new MLContext()).Start("test"), options)).ClipWeights();
        Assert.All(d.parameters(), p => Assert.True(p.abs().max().ToDouble() <= 0.05f));
    }

    // Three of four real rows are taken for real: r_t is ½.
    [Theory]
    [InlineData(0.4, 0.2)]
    [InlineData(0.6, 0)]
    public void Adaptive_augmentation_aims_at_the_target(double target, double expected)
    {
        using var generator = new Generator(1);
        var options = new GanOptions { LatentSize = 2, Augmentation = GanAugmentations.Translation, AdaptiveAugmentation = true, AugmentationTarget = target, AugmentationRows = 20 };
        GanArchitecture architecture = GanArchitecture.Of(options, new RowShape(new ImageShape(1, 16, 16), 256), 0);
        using var g = new Always(zeros(4, 1, 16, 16));
        using var d = new Watching();
        var training = new AdversarialObjective(architecture, options, g, d, new GanHealth(Hosts.Create(new MLContext()).Start("test"), options));
        training.DiscriminatorLosses(Step(1, generator), new TensorBatch(4, tensor([1f, 1, 1, 0]).view(4, 1, 1, 1).expand(4, 1, 16, 16)));
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
        Assert.All(seen, images => Assert.All(images.eq(0).to(ScalarType.Float32).mean([1L, 2, 3]).data<float>().ToArray(), part => Assert.InRange(part, 1 / 256f, 0.25f)));
    }

    // What the discriminator is shown in a step of its own (real, then generated rows) and in one of the generator's.
    private static List<Tensor> Seen(GanOptions options, ImageShape? shape, Tensor real, Tensor generated, long step)
    {
        using var generator = new Generator(1);
        GanArchitecture architecture = GanArchitecture.Of(options, new RowShape(shape, (int)real[0].numel()), 0);
        using var g = new Always(generated);
        using var d = new Watching();
        var training = new AdversarialObjective(architecture, options, g, d, new GanHealth(Hosts.Create(new MLContext()).Start("test"), options));
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
        var warnings = new List<string>();
        ml.Log += (_, e) =>
        {
            if (e.Kind == ChannelMessageKind.Warning)
                warnings.Add(e.Message);
        };
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
        var warnings = new List<string>();
        ml.Log += (_, e) =>
        {
            if (e.Kind == ChannelMessageKind.Warning)
                warnings.Add(e.Message);
        };
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

    // Karras et al. 2020, section 3.1: p rises while D takes all real images for real, and falls to 0 while it takes none. Least squares has 0.5 between the two.
    [Theory]
    [InlineData(GanObjective.NonSaturating, 100, -100)]
    [InlineData(GanObjective.LeastSquares, 0.6, 0.4)]
    public void Adaptive_augmentation_follows_the_sign_of_the_discriminators_results(GanObjective objective, double real, double generated)
    {
        using var generator = new Generator(1);
        var options = new GanOptions { Objective = objective, DiscriminatorNormalization = GanNormalization.None, BaseChannels = 2, LatentSize = 2, Augmentation = GanAugmentations.Translation, AdaptiveAugmentation = true, AugmentationRows = 80 };
        GanArchitecture architecture = GanArchitecture.Of(options, new RowShape(new ImageShape(1, 16, 16), 256), 0);
        using GeneratorNetwork g = architecture.CreateGenerator();
        using DiscriminatorNetwork d = DiscriminatorArchitecture.Of(architecture, options).Create();
        var training = new AdversarialObjective(architecture, options, g, d, new GanHealth(Hosts.Create(new MLContext()).Start("test"), options));
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
