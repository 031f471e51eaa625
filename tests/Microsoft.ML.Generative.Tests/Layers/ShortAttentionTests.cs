using System.Runtime.Intrinsics.X86;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// Attention, causal and to all, against its formula (Vaswani et al. 2017, eq. 1) in Float64. Without the instructions it is libtorch's
/// operations.
/// </summary>
[Collection(GlobalTorchState.Name)]
public class ShortAttentionTests
{
    [Theory]
    [InlineData(2, 3, 16, 16)]
    [InlineData(1, 1, 1, 16)]
    [InlineData(2, 2, 7, 32)]
    [InlineData(3, 4, 33, 48)]
    [InlineData(1, 2, 128, 64)]
    public void Values_and_gradients_are_those_of_the_formula(int batch, int heads, int time, int size)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] inputs = Inputs(batch, heads, time, size);
        Assert.Equal(Avx512F.IsSupported, ShortAttention.CanUse(inputs[0], inputs[1], inputs[2]));
        Tensor[] doubles = [.. inputs.Select(t => t.detach().to(float64).requires_grad_(true))];
        Tensor expected = Formula(doubles), found = DotProductAttention.Causal(inputs[0], inputs[1], inputs[2], null, 0);
        AssertClose(expected, found);
        using (no_grad())
            Assert.True(DotProductAttention.Causal(inputs[0], inputs[1], inputs[2], null, 0).eq(found).all().ToBoolean());

        // Read in another order than the kernel's.
        Tensor direction = randn(batch, heads, size, time).transpose(2, 3);
        Tensor[] wanted = [.. autograd.grad([(expected * direction.to(float64)).sum()], doubles)];
        Tensor[] gradients = [.. autograd.grad([(found * direction).sum()], inputs)];
        Assert.All(wanted.Zip(gradients), pair => AssertClose(pair.First, pair.Second));
    }

    // As a block makes them: parts of one tensor.
    [Fact]
    public void Queries_keys_and_values_may_be_views()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor all = randn(2, 20, 9, 32).requires_grad_(true), doubles = all.detach().to(float64).requires_grad_(true);
        Tensor expected = Formula(doubles.transpose(1, 2).split([3, 3, 3], 1));
        Tensor[] parts = all.transpose(1, 2).split([3, 3, 3], 1);
        Tensor found = DotProductAttention.Causal(parts[0], parts[1], parts[2], null, 0);
        AssertClose(expected, found);
        Tensor direction = randn(2, 3, 20, 32);
        AssertClose(
            autograd.grad([(expected * direction.to(float64)).sum()], [doubles])[0], autograd.grad([(found * direction).sum()], [all])[0]);
    }

    [Fact]
    public void Results_depend_on_neither_threads_nor_the_rest_of_the_batch_nor_what_follows()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] inputs = Inputs(6, 4, 40, 32);

        Tensor[] Run(int threads)
        {
            using IDisposable limited = TorchThreads.Scope(threads);
            Tensor y = DotProductAttention.Causal(inputs[0], inputs[1], inputs[2], null, 0);
            return [y.detach(), .. autograd.grad([y.square().sum()], inputs)];
        }

        Tensor[] one = Run(1), two = Run(2);
        if (!Avx512F.IsSupported)
            return;
        Assert.All(one.Zip(two), pair => Assert.True(pair.First.eq(pair.Second).all().ToBoolean()));
        using IDisposable noGradient = no_grad();
        Tensor[] part = [.. inputs.Select(t => t.narrow(0, 3, 1).narrow(2, 0, 17))];
        Tensor alone = DotProductAttention.Causal(part[0], part[1], part[2], null, 0);
        Assert.True(alone.eq(one[0].narrow(0, 3, 1).narrow(2, 0, 17)).all().ToBoolean());
    }

    // What is added: nothing, padding of each sequence, a bias of each head, a window of each sequence.
    [Theory]
    [InlineData(2, 3, 16, 16, null)]
    [InlineData(1, 1, 1, 16, new[] { 1, 1, 1, 1 })]
    [InlineData(3, 2, 7, 32, new[] { 3, 1, 1, 7 })]
    [InlineData(3, 4, 33, 48, new[] { 1, 4, 33, 33 })]
    [InlineData(2, 12, 40, 32, new[] { 2, 1, 40, 40 })]
    [InlineData(1, 2, 128, 64, new[] { 1, 1, 1, 128 })]
    public void Attention_to_all_is_that_of_the_formula(int batch, int heads, int time, int size, int[]? mask)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        // Parts of one tensor, as a block makes them.
        Tensor[] inputs = randn(batch, time, 3 * heads, size).transpose(1, 2).split([heads, heads, heads], 1);
        Tensor? added = mask is null ? null : randn([.. mask.Select(length => (long)length)]) * 2;
        Tensor scores = inputs[0].to(float64).matmul(inputs[1].to(float64).transpose(-2, -1)) / Math.Sqrt(size);
        if (added is not null)
            scores = scores + added.to(float64);
        Tensor expected = scores.softmax(-1).matmul(inputs[2].to(float64));
        AssertClose(expected, DotProductAttention.Full(inputs[0], inputs[1], inputs[2], added, isTraining: false));
        AssertClose(expected, DotProductAttention.Full(inputs[0], inputs[1], inputs[2], added, isTraining: true));
    }

    [Fact]
    public void Padding_changes_nothing_and_a_sequence_without_tokens_is_finite()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        Tensor[] inputs = Inputs(3, 4, 21, 32);
        Tensor lengths = tensor(new long[] { 21, 10, 0 }, [3, 1]);
        Tensor mask = DotProductAttention.PaddingMask(arange(21).unsqueeze(0) < lengths);
        Tensor found = Run(2), alone = DotProductAttention.Full(Part(inputs[0]), Part(inputs[1]), Part(inputs[2]), null, isTraining: false);
        AssertClose(alone.to(float64), found.narrow(0, 1, 1).narrow(2, 0, 10));
        Assert.True(found.isfinite().all().ToBoolean());
        AssertClose(inputs[2].narrow(0, 2, 1).to(float64).mean([2], keepdim: true).expand(1, 4, 21, 32), found.narrow(0, 2, 1));
        if (Avx512F.IsSupported)
            Assert.True(found.eq(Run(1)).all().ToBoolean());

        Tensor Run(int threads)
        {
            using IDisposable limited = TorchThreads.Scope(threads);
            return DotProductAttention.Full(inputs[0], inputs[1], inputs[2], mask, isTraining: false);
        }

        static Tensor Part(Tensor input) => input.narrow(0, 1, 1).narrow(2, 0, 10);
    }

    // Gradient checkpointing computes first without gradients, then with them.
    [Fact]
    public void In_training_attention_to_all_is_the_same_with_and_without_gradients()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] inputs = Inputs(2, 3, 20, 16);
        Tensor with = DotProductAttention.Full(inputs[0], inputs[1], inputs[2], null, isTraining: true);
        using IDisposable noGradient = no_grad();
        Assert.True(DotProductAttention.Full(inputs[0], inputs[1], inputs[2], null, isTraining: true).eq(with).all().ToBoolean());
    }

    [Fact]
    public void Gradients_have_gradients()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] inputs = Inputs(2, 2, 5, 16);
        Tensor[] doubles = [.. inputs.Select(t => t.detach().to(float64).requires_grad_(true))];
        Tensor[] found = Penalty(inputs, DotProductAttention.Causal(inputs[0], inputs[1], inputs[2], null, 0));
        Tensor[] expected = Penalty(doubles, Formula(doubles));
        Assert.All(expected.Zip(found), pair => AssertClose(pair.First, pair.Second));

        static Tensor[] Penalty(Tensor[] inputs, Tensor output)
        {
            Tensor gradient = autograd.grad([output.pow(3).sum()], [inputs[0]], create_graph: true, retain_graph: true)[0];
            return [.. autograd.grad([gradient.square().sum()], inputs)];
        }
    }

    private static Tensor[] Inputs(int batch, int heads, int time, int size) =>
        [.. Enumerable.Range(0, 3).Select(_ => randn(batch, heads, time, size).requires_grad_(true))];

    private static Tensor Formula(Tensor[] inputs)
    {
        long time = inputs[0].size(2);
        Tensor scores = inputs[0].matmul(inputs[1].transpose(-2, -1)) / Math.Sqrt(inputs[0].size(3));
        Tensor isLater = ones(time, time, dtype: ScalarType.Bool).triu(1);
        return scores.masked_fill(isLater, double.NegativeInfinity).softmax(-1).matmul(inputs[2]);
    }

    private static void AssertClose(Tensor expected, Tensor found)
    {
        Assert.Equal(expected.shape, found.shape);
        double error = (found.to(float64) - expected).abs().max().ToDouble(), size = expected.abs().max().ToDouble();
        Assert.True(error <= 1e-5 * size + 1e-6, $"{error} beside {size}");
    }
}
