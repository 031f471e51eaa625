using System.Runtime.Intrinsics.X86;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Kernels;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Linear layers by the library's own products of matrices, against libtorch in Float64.</summary>
[Collection(GlobalTorchState.Name)]
public class LinearProductTests
{
    [Avx512Theory]
    [InlineData(1, 1, 1, true)]
    [InlineData(8, 16, 32, true)]
    [InlineData(3, 5, 7, false)]
    [InlineData(65, 33, 17, true)]
    [InlineData(200, 128, 65, true)]
    [InlineData(7, 513, 129, false)]
    [InlineData(385, 1030, 300, true)]
    public void Values_and_gradients_are_those_of_libtorch(int rows, int inputs, int outputs, bool hasBias)
    {
        using DisposeScope scope = NewDisposeScope();
        foreach (int threads in (int[])[1, 2, 3])
        {
            using IDisposable limited = TorchThreads.Scope(threads);
            Tensor[] tensors = Inputs(rows, inputs, outputs, hasBias);
            Tensor[] doubles = [.. tensors.Select(t => t.detach().to(float64).requires_grad_(true))];
            Tensor expected = F.linear(doubles[0], doubles[1], hasBias ? doubles[2] : null), found = Apply(tensors);
            AssertClose(expected, found, inputs);
            using (no_grad())
                ConvolutionChecks.AssertEqual(found, Apply(tensors));

            // Read in another order than the kernel's.
            Tensor direction = randn(outputs, rows).t();
            Tensor[] wanted = [.. autograd.grad([(expected * direction.to(float64)).sum()], doubles)];
            Tensor[] gradients = [.. autograd.grad([(found * direction).sum()], tensors)];
            AssertClose(wanted[0], gradients[0], outputs);
            AssertClose(wanted[1], gradients[1], rows);
            if (hasBias)
                AssertClose(wanted[2], gradients[2], rows);
        }
    }

    [Avx512Fact]
    public void Rows_may_have_two_dimensions_and_another_order()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = randn(40, 5, 9).transpose(0, 1), weight = randn(18, 9);
        Tensor found = LinearProduct.Apply(x, weight, null);
        Assert.Equal([5, 40, 18], found.shape);
        AssertClose(F.linear(x.to(float64), weight.to(float64)), found, 9);
    }

    // As the gradient of a weight is one with others', and an input has none.
    [Avx512Theory]
    [InlineData(true, false, false)]
    [InlineData(false, true, false)]
    [InlineData(false, false, true)]
    public void Only_what_is_learned_has_a_gradient(bool input, bool weight, bool bias)
    {
        using DisposeScope scope = NewDisposeScope();
        bool[] needs = [input, weight, bias];
        Tensor[] tensors = [.. Inputs(9, 20, 33, hasBias: true).Select((t, i) => t.detach().requires_grad_(needs[i]))];
        Tensor[] learned = [.. tensors.Where(t => t.requires_grad)];
        Tensor[] doubles = [.. tensors.Select((t, i) => t.detach().to(float64).requires_grad_(needs[i]))];
        Tensor expected = F.linear(doubles[0], doubles[1], doubles[2]).square().sum();
        Apply(tensors).square().sum().backward();
        Tensor wanted = autograd.grad([expected], [.. doubles.Where(t => t.requires_grad)])[0];
        AssertClose(wanted, Assert.Single(learned).grad!, 600);
        Assert.All(tensors.Where(t => !t.requires_grad), t => Assert.Null(t.grad));
    }

    [Avx512Fact]
    public void Gradients_of_gradients_are_those_of_libtorch()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] tensors = Inputs(12, 20, 33, hasBias: true);
        Tensor[] found = Penalty(tensors, Apply);
        Tensor[] expected = Penalty(
            [.. tensors.Select(t => t.detach().to(float64).requires_grad_(true))], t => F.linear(t[0], t[1], t[2]));
        Assert.All(expected.Zip(found), pair => AssertClose(pair.First, pair.Second, 1000));

        static Tensor[] Penalty(Tensor[] tensors, Func<Tensor[], Tensor> layer)
        {
            Tensor[] gradients =
                [.. autograd.grad([layer(tensors).pow(3).sum()], tensors[..2], create_graph: true, retain_graph: true)];
            return [.. autograd.grad([gradients[0].square().sum() + gradients[1].square().sum()], tensors)];
        }
    }

    // Rows at other places, with other rows beside them, in other threads.
    [Avx512Fact]
    public void A_value_depends_on_neither_threads_nor_other_rows_and_columns()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = randn(211, 700), weight = randn(83, 700), bias = randn(83);
        Tensor all;
        using (TorchThreads.Scope(1))
            all = LinearProduct.Apply(x, weight, bias);
        foreach (int threads in (int[])[2, 3, 4, 7])
        {
            using IDisposable limited = TorchThreads.Scope(threads);
            ConvolutionChecks.AssertEqual(all, LinearProduct.Apply(x, weight, bias));
        }

        ConvolutionChecks.AssertEqual(all.narrow(0, 13, 70), LinearProduct.Apply(x.narrow(0, 13, 70), weight, bias));
        ConvolutionChecks.AssertEqual(
            all.narrow(1, 21, 34), LinearProduct.Apply(x, weight.narrow(0, 21, 34), bias.narrow(0, 21, 34)));
    }

    // Where numbers that are none would show what is read beside the matrices.
    [Avx512Fact]
    public void Nothing_beside_the_matrices_is_used()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = Inside(9, 13), weight = Inside(21, 13), bias = Inside(1, 21).flatten();
        AssertClose(
            F.linear(x.to(float64), weight.to(float64), bias.to(float64)), LinearProduct.Apply(x, weight, bias), 13);

        // The last rows of a tensor of other numbers.
        static Tensor Inside(int rows, int columns)
        {
            Tensor all = full([rows + 4, columns], float.NaN);
            all.narrow(0, 2, rows).copy_(randn(rows, columns));
            return all.narrow(0, 2, rows);
        }
    }

    [Fact]
    public void Layers_take_it_only_where_it_is_faster_and_large_enough()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor weight = randn(64, 64);
        Assert.Equal(MatrixProduct.IsFast, LinearProduct.IsFast(randn(64, 64), weight));
        Assert.False(LinearProduct.IsFast(randn(2, 64), weight));
        Assert.False(LinearProduct.IsFast(randn(64, 64).to(bfloat16), weight.to(bfloat16)));
        Assert.False(LinearProduct.IsFast(randn(64, 16), randn(64, 16)));
        Assert.True(Avx512F.IsSupported || !MatrixProduct.IsFast);
    }

    private static Tensor[] Inputs(int rows, int inputs, int outputs, bool hasBias)
    {
        Tensor[] tensors = [randn(rows, inputs), randn(outputs, inputs), randn(outputs)];
        return [.. tensors.Take(hasBias ? 3 : 2).Select(t => t.requires_grad_(true))];
    }

    private static Tensor Apply(Tensor[] tensors) => LinearProduct.Apply(tensors[0], tensors[1], tensors.Length > 2 ? tensors[2] : null);

    // Rounding errors of sums of numbers of about 1.
    private static void AssertClose(Tensor expected, Tensor found, int summands)
    {
        Assert.Equal(expected.shape, found.shape);
        double error = (found.to(float64) - expected).abs().max().ToDouble(), size = expected.square().mean().sqrt().ToDouble();
        Assert.True(error <= 1e-6 * Math.Sqrt(summands + 10) * size + 1e-6, $"{error} beside {size}");
    }
}
