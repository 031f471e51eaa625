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
    [InlineData(2, 3, 16, 16, true)]
    [InlineData(1, 1, 1, 16, true)]
    [InlineData(2, 2, 7, 32, true)]
    [InlineData(3, 4, 33, 48, true)]
    [InlineData(1, 2, 128, 64, true)]
    [InlineData(2, 3, 16, 16, false)]
    [InlineData(1, 1, 1, 16, false)]
    [InlineData(2, 2, 7, 32, false)]
    [InlineData(3, 4, 33, 48, false)]
    [InlineData(1, 2, 128, 64, false)]
    public void Values_and_gradients_are_those_of_the_formula(int batch, int heads, int time, int size, bool isCausal)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] inputs = Inputs(batch, heads, time, size);
        Assert.Equal(Avx512F.IsSupported, ShortAttention.CanUse(inputs[0], inputs[1], inputs[2]));
        Tensor[] doubles = [.. inputs.Select(t => t.detach().to(float64).requires_grad_(true))];
        Tensor expected = Formula(doubles, isCausal), found = Attend(inputs, isCausal);
        AssertClose(expected, found);
        using (no_grad())
            Assert.True(Attend(inputs, isCausal).eq(found).all().ToBoolean());

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

    [Theory]
    [InlineData(2, 3, 20, 32, true)]
    [InlineData(1, 1, 1, 16, true)]
    [InlineData(2, 2, 128, 16, false)]
    [InlineData(2, 2, 33, 48, false)]
    // Not the kernel's.
    [InlineData(2, 3, 9, 8, true)]
    [InlineData(2, 3, 9, 8, false)]
    public void Queries_keys_and_values_may_be_one_tensor(int batch, int heads, int time, int size, bool isCausal)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor all = randn(batch, time, 3 * heads, size).requires_grad_(true), doubles = all.detach().to(float64).requires_grad_(true);
        Assert.Equal(Avx512F.IsSupported && size % 16 == 0, ShortAttention.CanUse(all));
        Tensor expected = Formula(doubles.transpose(1, 2).chunk(3, 1), isCausal), found = DotProductAttention.Packed(all, isCausal);
        AssertClose(expected.transpose(1, 2), found);
        using (no_grad())
            Assert.True(DotProductAttention.Packed(all, isCausal).eq(found).all().ToBoolean());

        Tensor direction = randn(batch, time, heads, size);
        AssertClose(
            autograd.grad([(expected.transpose(1, 2) * direction.to(float64)).sum()], [doubles], retain_graph: true)[0],
            autograd.grad([(found * direction).sum()], [all], retain_graph: true)[0]);

        // A gradient of the gradient.
        AssertClose(Penalty(doubles, expected), Penalty(all, found));

        static Tensor Penalty(Tensor input, Tensor output)
        {
            Tensor gradient = autograd.grad([output.pow(3).sum()], [input], create_graph: true, retain_graph: true)[0];
            return autograd.grad([gradient.square().sum()], [input])[0];
        }
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

    // What is added: padding of each sequence, the same for all sequences, a window of each sequence; a bias of each head is not the
    // kernel's.
    [Theory]
    [InlineData(3, 2, 7, 32, 3, 1, 1)]
    [InlineData(1, 1, 1, 16, 1, 1, 1)]
    [InlineData(2, 4, 33, 48, 1, 1, 33)]
    [InlineData(2, 12, 40, 32, 2, 1, 40)]
    [InlineData(1, 2, 128, 64, 1, 1, 1)]
    [InlineData(2, 3, 20, 16, 1, 3, 20)]
    public void What_a_mask_adds_to_scores_is_that_of_the_formula(
        int batch, int heads, int time, int size, int maskBatch, int maskHeads, int maskTime)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] inputs = Inputs(batch, heads, time, size);
        Tensor mask = randn(maskBatch, maskHeads, maskTime, time) * 2;
        Assert.Equal(maskHeads == 1, ShortAttention.CanAdd(mask));
        Tensor[] doubles = [.. inputs.Select(t => t.detach().to(float64).requires_grad_(true))];
        Tensor expected = Formula(doubles, isCausal: false, mask), found = DotProductAttention.Full(inputs[0], inputs[1], inputs[2], mask);
        AssertClose(expected, found);
        using (no_grad())
            AssertClose(expected, DotProductAttention.Full(inputs[0], inputs[1], inputs[2], mask));

        Tensor direction = randn(batch, heads, size, time).transpose(2, 3);
        Tensor[] wanted = [.. autograd.grad([(expected * direction.to(float64)).sum()], doubles, retain_graph: true)];
        Tensor[] gradients = [.. autograd.grad([(found * direction).sum()], inputs, retain_graph: true)];
        Assert.All(wanted.Zip(gradients), pair => AssertClose(pair.First, pair.Second));
        AssertClose(Penalty(doubles, expected), Penalty(inputs, found));

        static Tensor Penalty(Tensor[] inputs, Tensor output)
        {
            Tensor gradient = autograd.grad([output.pow(3).sum()], [inputs[0]], create_graph: true, retain_graph: true)[0];
            return autograd.grad([gradient.square().sum()], [inputs[1]])[0];
        }
    }

    [Fact]
    public void Padding_changes_nothing_and_a_sequence_without_tokens_has_the_mean()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] inputs = Inputs(3, 4, 21, 32);
        Tensor mask = DotProductAttention.PaddingMask(arange(21).unsqueeze(0) < tensor(new long[] { 21, 10, 0 }, [3, 1]));
        Tensor[] one = Run(1), two = Run(2);
        if (Avx512F.IsSupported)
            Assert.All(one.Zip(two), pair => Assert.True(pair.First.eq(pair.Second).all().ToBoolean()));
        Tensor[] part = [.. inputs.Select(input => input.narrow(0, 1, 1).narrow(2, 0, 10))];
        AssertClose(DotProductAttention.Full(part[0], part[1], part[2]).to(float64), one[0].narrow(0, 1, 1).narrow(2, 0, 10));
        Tensor last = inputs[2].narrow(0, 2, 1).to(float64);
        AssertClose(last.mean([2], keepdim: true).expand(1, 4, 21, 32), one[0].narrow(0, 2, 1));
        // 21 means, of each a 21st.
        AssertClose(ones(1, 4, 21, 32, dtype: float64), one[3].narrow(0, 2, 1));

        Tensor[] Run(int threads)
        {
            using IDisposable limited = TorchThreads.Scope(threads);
            Tensor y = DotProductAttention.Full(inputs[0], inputs[1], inputs[2], mask);
            return [y.detach(), .. autograd.grad([y.sum()], inputs)];
        }
    }

    // Shorter and longer than a vector, and more sequences than threads.
    [Theory]
    [InlineData(3, 16, 1)]
    [InlineData(12, 32, 40, 17, 16, 3, 3, 1, 128)]
    [InlineData(2, 64, 5, 90)]
    public void Sequences_one_behind_another_have_the_same_result_as_each_alone(int heads, int size, params int[] lengths)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        Assert.Equal(Avx512F.IsSupported ? ShortAttention.LongestTime : 0, ShortAttention.LongestOf(size, CPU));
        Assert.Equal(0, ShortAttention.LongestOf(size + 1, CPU));
        if (!Avx512F.IsSupported)
            return;
        Tensor all = randn(1, lengths.Sum(), 3 * heads, size);
        Tensor[] parts = all.transpose(1, 2).chunk(3, 1); // [1, heads, positions, size] each
        Tensor one = Run(1), two = Run(2);
        Assert.True(one.eq(two).all().ToBoolean());
        long start = 0;
        foreach (int length in lengths)
        {
            Tensor alone = DotProductAttention.Packed(all.narrow(1, start, length), isCausal: false);
            Assert.True(alone.eq(one.narrow(1, start, length)).all().ToBoolean());
            start += length;
        }

        Assert.Contains(
            $"expected {lengths.Sum()}", Assert.Throws<ArgumentException>(
                () => DotProductAttention.FullOfEach(parts[0], parts[1], parts[2], [.. lengths, 1])).Message, StringComparison.Ordinal);

        Tensor Run(int threads)
        {
            using IDisposable limited = TorchThreads.Scope(threads);
            return DotProductAttention.FullOfEach(parts[0], parts[1], parts[2], lengths);
        }
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

    private static Tensor Attend(Tensor[] inputs, bool isCausal) => isCausal
        ? DotProductAttention.Causal(inputs[0], inputs[1], inputs[2], null, 0)
        : DotProductAttention.Full(inputs[0], inputs[1], inputs[2]);

    private static Tensor Formula(Tensor[] inputs, bool isCausal = true, Tensor? mask = null)
    {
        long time = inputs[0].size(2);
        Tensor scores = inputs[0].matmul(inputs[1].transpose(-2, -1)) / Math.Sqrt(inputs[0].size(3));
        if (mask is not null)
            scores = scores + mask.to(float64);
        Tensor isHidden = isCausal ? ones(time, time, dtype: ScalarType.Bool).triu(1) : zeros(time, time, dtype: ScalarType.Bool);
        return scores.masked_fill(isHidden, double.NegativeInfinity).softmax(-1).matmul(inputs[2]);
    }

    private static void AssertClose(Tensor expected, Tensor found)
    {
        Assert.Equal(expected.shape, found.shape);
        double error = (found.to(float64) - expected).abs().max().ToDouble(), size = expected.abs().max().ToDouble();
        Assert.True(error <= 1e-5 * size + 1e-6, $"{error} beside {size}");
    }
}
