using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

/// <summary>The operation against its formula in Float64.</summary>
[Collection(GlobalTorchState.Name)]
public class CrossEntropyTests
{
    [Theory]
    [InlineData(1, 2, false)]
    [InlineData(7, 65, true)]
    [InlineData(5, 31, true)]
    [InlineData(3, 5003, false)]
    [InlineData(40, 1024, true)]
    public void Values_and_gradients_are_those_of_the_formula(int rows, int classes, bool lacksTargets)
    {
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator(1);
        Tensor logits = (randn([rows, classes], generator: generator) * 5).requires_grad_(true);
        Tensor targets = randint(0, classes, [rows], generator: generator);
        if (lacksTargets)
            targets[1] = tensor(CrossEntropy.NoTarget);
        Tensor doubles = logits.detach().to(float64).requires_grad_(true);
        Tensor expected = Formula(doubles, targets);

        Tensor found = CrossEntropy.PerRow(logits, targets);
        AssertClose(expected, found);
        using (no_grad())
            Assert.True(CrossEntropy.PerRow(logits, targets).eq(found).all().ToBoolean());
        Tensor weights = randn([rows], generator: generator);
        AssertClose(
            autograd.grad([(expected * weights.to(float64)).sum()], [doubles], retain_graph: true)[0],
            autograd.grad([(found * weights).sum()], [logits])[0]);

        Tensor count = targets.ne(CrossEntropy.NoTarget).sum();
        Tensor mean = CrossEntropy.Mean(logits, targets);
        AssertClose(expected.sum() / count, mean);
        AssertClose(
            autograd.grad([expected.sum() / count], [doubles])[0], autograd.grad([mean], [logits])[0]);
    }

    [Fact]
    public void Large_logits_and_those_without_probability_are_in_range()
    {
        using DisposeScope scope = NewDisposeScope();
        float none = float.NegativeInfinity;
        Tensor logits = tensor([1000f, 999, none, 0, -1000, none, 0, 0, 0, 0], [1, 10]).requires_grad_(true);
        Tensor loss = CrossEntropy.PerRow(logits, tensor(new long[] { 1 }));
        // log(1 + e) − 0 of the two that have a probability.
        Assert.Equal(1.3132617, loss[0].ToDouble(), 1e-5);
        loss.sum().backward();
        // 1 / (1 + e⁻¹), and that minus 1.
        Assert.Equal(0.7310586, logits.grad![0, 0].ToDouble(), 1e-6);
        Assert.Equal(-0.7310586, logits.grad[0, 1].ToDouble(), 1e-6);
        Assert.Equal(0, logits.grad[0, 2].ToDouble());
    }

    [Fact]
    public void No_number_comes_of_no_number_and_of_no_target()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor targets = tensor(new long[] { 0, CrossEntropy.NoTarget });
        Assert.True(CrossEntropy.Mean(tensor([float.NaN, 1, 2, 3], [2, 2]), targets).isnan().ToBoolean());
        Assert.True(CrossEntropy.Mean(ones(1, 3), tensor(new long[] { CrossEntropy.NoTarget })).isnan().ToBoolean());
    }

    [Fact]
    public void A_target_that_is_no_class_is_refused()
    {
        using DisposeScope scope = NewDisposeScope();
        Assert.Throws<ArgumentOutOfRangeException>(() => CrossEntropy.Mean(ones(2, 3), tensor(new long[] { 0, 3 })));
    }

    [Fact]
    public void Results_depend_on_neither_threads_nor_the_other_rows()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor logits = randn(70, 1000).requires_grad_(true), targets = randint(0, 1000, [70]);

        Tensor[] Run(int threads)
        {
            using IDisposable limited = TorchThreads.Scope(threads);
            Tensor losses = CrossEntropy.PerRow(logits, targets);
            return [losses.detach(), autograd.grad([losses.sum()], [logits])[0]];
        }

        Tensor[] one = Run(1), two = Run(2);
        Assert.All(one.Zip(two), pair => Assert.True(pair.First.eq(pair.Second).all().ToBoolean()));
        using IDisposable noGradient = no_grad();
        Tensor alone = CrossEntropy.PerRow(logits.narrow(0, 9, 1), targets.narrow(0, 9, 1));
        Assert.True(alone.eq(one[0].narrow(0, 9, 1)).all().ToBoolean());
    }

    [Fact]
    public void Gradients_have_gradients()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor logits = randn(3, 7).requires_grad_(true), targets = randint(0, 7, [3]);
        Tensor doubles = logits.detach().to(float64).requires_grad_(true);
        AssertClose(Penalty(Formula(doubles, targets), doubles), Penalty(CrossEntropy.PerRow(logits, targets), logits));

        static Tensor Penalty(Tensor losses, Tensor logits)
        {
            Tensor gradient = autograd.grad([losses.square().sum()], [logits], create_graph: true, retain_graph: true)[0];
            return autograd.grad([gradient.pow(3).sum()], [logits])[0];
        }
    }

    private static Tensor Formula(Tensor logits, Tensor targets)
    {
        Tensor hasTarget = targets.ne(CrossEntropy.NoTarget);
        Tensor own = logits.gather(1, (targets * hasTarget).unsqueeze(1)).squeeze(1);
        return (logits.exp().sum(1).log() - own) * hasTarget;
    }

    private static void AssertClose(Tensor expected, Tensor found)
    {
        Assert.Equal(expected.shape, found.shape);
        double error = (found.to(float64) - expected).abs().max().ToDouble(), size = expected.abs().max().ToDouble();
        Assert.True(error <= 1e-5 * size + 1e-7, $"{error} beside {size}");
    }
}
