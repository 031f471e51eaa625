using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.VqVae;
using Microsoft.ML.Generative.Images.VqVae.Networks;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class CodePriorTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly VqVaeOptions _options = new() { CodebookSize = 3, PriorLayers = 2, PriorEmbeddingSize = 8, PriorHeads = 2 };

    public void Dispose() => _scope.Dispose();

    private VqVaeArchitecture Architecture(CodeGrid grid) =>
        VqVaeArchitecture.Of(_options, new ImageShape(1, grid.Height << _options.Downsamplings, grid.Width << _options.Downsamplings));

    private CodePriorNetwork Prior(CodeGrid grid)
    {
        CodePriorNetwork prior = TorchSeed.Initialize(3, () => new CodePriorNetwork(Architecture(grid)));
        // Far from uniform, so that differences show.
        using IDisposable noGradient = no_grad();
        foreach (var (_, parameter) in prior.named_parameters())
            parameter.add_(randn_like(parameter) * 0.3f);
        return prior;
    }

    [Fact]
    public void A_code_depends_on_the_codes_before_it_alone()
    {
        using CodePriorNetwork prior = Prior(new CodeGrid(2, 3));
        Tensor codes = tensor(new long[] { 0, 1, 2, 0, 2, 1 }, [1, 6]);
        Tensor expected = prior.Logits(codes);
        for (int changed = 0; changed < 6; changed++)
        {
            Tensor other = codes.clone();
            other[0, changed] = (codes[0, changed] + 1) % 3;
            Tensor actual = prior.Logits(other);
            for (int position = 0; position < 6; position++)
                Assert.Equal(position <= changed, actual[0, position].allclose(expected[0, position], 1e-6, 1e-6));
        }
    }

    [Fact]
    public void The_probabilities_of_all_grids_sum_to_one()
    {
        using CodePriorNetwork prior = Prior(new CodeGrid(2, 2));
        long[] all = [.. Enumerable.Range(0, 81).SelectMany(n => new long[] { n / 27, n / 9 % 3, n / 3 % 3, n % 3 })];
        Assert.Equal(1, prior.NegativeLogLikelihood(tensor(all, [81, 4])).neg().exp().sum().ToDouble(), 1e-5);
    }

    [Fact]
    public void Told_code_by_code_the_logits_are_those_of_the_whole()
    {
        var grid = new CodeGrid(2, 3);
        using CodePriorNetwork prior = Prior(grid);
        using IDisposable noGradient = no_grad();
        Tensor codes = tensor(new long[] { 0, 1, 2, 0, 2, 1, 2, 2, 1, 0, 0, 1 }, [2, 6]);
        Tensor expected = prior.Logits(codes);
        AttentionCache[] cache = prior.NewCache(2);
        for (int position = 0; position < 6; position++)
        {
            Tensor next = prior.Next(position == 0 ? null : codes.select(1, position - 1), position, cache);
            Assert.True(next.allclose(expected.select(1, position), 1e-4, 1e-5));
        }
    }

    [Fact]
    public void Sampled_grids_have_the_priors_frequencies_and_depend_on_their_number_alone()
    {
        var grid = new CodeGrid(1, 2);
        using CodePriorNetwork prior = Prior(grid);
        long[] drawn = CodeSampler.Sample(prior, grid, seed: 5, first: 0, count: 20_000, temperature: 1, CPU, () => { });
        for (int n = 0; n < 9; n++)
        {
            double probability = Math.Exp(-prior.NegativeLogLikelihood(tensor(new long[] { n / 3, n % 3 }, [1, 2])).ToDouble());
            double frequency = Enumerable.Range(0, 20_000).Count(i => drawn[2 * i] == n / 3 && drawn[2 * i + 1] == n % 3) / 20_000.0;
            Assert.Equal(probability, frequency, 5 * Math.Sqrt(probability * (1 - probability) / 20_000) + 1e-4);
        }

        Assert.Equal(drawn[200..240], CodeSampler.Sample(prior, grid, 5, 100, 20, 1, CPU, () => { }));
        long[] certain = CodeSampler.Sample(prior, grid, 5, 0, 50, 0, CPU, () => { });
        Assert.Single(certain.Chunk(2).Select(g => (g[0], g[1])).Distinct());
    }

    [Fact]
    public void It_learns_structure_that_single_codes_do_not_show()
    {
        // Four codes: two random ones and their copies. Each alone is uniform: 4 log 3 nats; together 2 log 3.
        var grid = new CodeGrid(2, 2);
        using CodePriorNetwork prior = TorchSeed.Initialize(3, () => new CodePriorNetwork(Architecture(grid)));
        using var generator = new Generator(2);
        Tensor half = randint(0, 3, [256, 2], generator: generator, dtype: int64);
        Tensor codes = cat([half, half], 1);
        var options =
            new ToyOptions { MaxSteps = 300, LearningRate = 1e-2, BatchSize = 256, LearningRateSchedule = LearningRateSchedule.Cosine };
        using var network = new TrainedNetwork("prior", prior, options);
        Toys.Loop(options, [new TrainingPhase(
            network, new RowBatches([codes], 256), (_, batch) => new Losses(prior.NegativeLogLikelihood(batch[0]).mean()))]).Run();
        using IDisposable noGradient = no_grad();
        Assert.Equal(2 * Math.Log(3), prior.NegativeLogLikelihood(codes).mean().ToDouble(), 0.1);
    }

    [Fact]
    public void Parameters_are_counted_without_making_the_network()
    {
        var shape = new ImageShape(2, 9, 14);
        foreach (VqVaeOptions options in (VqVaeOptions[])
        [
            _options, new() { Downsamplings = 3, ResidualBlocks = 0, HiddenChannels = 7, CodebookSize = 5 },
        ])
        {
            VqVaeArchitecture architecture = VqVaeArchitecture.Of(options, shape);
            Shapes.AssertLikeReal(() => new VqVaeNetwork(architecture));
        }
    }
}
