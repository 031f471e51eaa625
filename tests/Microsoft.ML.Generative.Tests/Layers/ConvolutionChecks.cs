using System.Runtime.Intrinsics.X86;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Tests;

/// <summary>What holds for layers that use kernels of Winograd's algorithm, against libtorch's convolutions in Float64.</summary>
internal static class ConvolutionChecks
{
    // Of the values' root mean square. Float32 has 6e-8; Winograd's matrices lose about two digits of it.
    private const double Tolerance = 1e-4;

    private static readonly long[] _strides = [2, 2];
    private static readonly long[] _padding = [1, 1];

    /// <summary>A convolution of stride 2 and padding 1.</summary>
    public static Tensor Halve(Tensor input, Tensor weight, Tensor bias) => F.conv2d(input, weight, bias, _strides, _padding);

    /// <summary>The transpose of such a convolution.</summary>
    public static Tensor Double(Tensor input, Tensor weight, Tensor bias) => F.conv_transpose2d(input, weight, bias, _strides, _padding);

    /// <summary>Checks a layer's values and gradients.</summary>
    /// <param name="layer">The layer, with a bias.</param>
    /// <param name="x">Its input.</param>
    /// <param name="convolve">The same in Float64, of input, weight and bias.</param>
    public static void Check(WeightedLayer layer, Tensor x, Func<Tensor, Tensor, Tensor, Tensor> convolve)
    {
        Tensor weight = layer.Weight.Dense(), bias = layer.Bias!;
        Tensor[] inputs = [x.requires_grad_(true), weight, bias];
        Tensor[] doubles = [.. inputs.Select(t => t.detach().to(float64).requires_grad_(true))];
        Tensor expected = convolve(doubles[0], doubles[1], doubles[2]), found = layer.call(x);
        Assert.Equal(expected.shape, found.shape);
        if (x.numel() == 0)
            return;
        AssertClose(expected, found);
        using (no_grad())
            AssertEqual(found, layer.call(x));

        // Read in another order than the kernel's.
        Tensor direction = randn(found.size(0), found.size(1), found.size(3), found.size(2)).transpose(2, 3);
        Tensor[] wanted = [.. autograd.grad([(expected * direction.to(float64)).sum()], doubles)];
        Tensor[] gradients = [.. autograd.grad([(found * direction).sum()], inputs)];
        Assert.All(wanted.Zip(gradients), pair => AssertClose(pair.First, pair.Second));
    }

    /// <summary>
    /// Checks the gradient of a penalty of the input's gradient (Gulrajani et al. 2017), in whose way two layers are.
    /// </summary>
    /// <param name="layers">The layers, with biases.</param>
    /// <param name="x">The input.</param>
    /// <param name="network">The network of the layers.</param>
    /// <param name="convolve">The same in Float64, of input, weights and biases.</param>
    public static void CheckSecondGradients(
        WeightedLayer[] layers, Tensor x, Func<Tensor, Tensor> network, Func<Tensor, Tensor[], Tensor[], Tensor> convolve)
    {
        Tensor[] weights = [.. layers.Select(layer => layer.Weight.Dense())];
        Tensor[] doubles = [.. weights.Select(w => w.detach().to(float64).requires_grad_(true))];
        Tensor[] biases = [.. layers.Select(layer => layer.Bias!.detach().to(float64))];
        Tensor[] found = Penalty(x, weights, network);
        Tensor[] expected = Penalty(x.to(float64), doubles, input => convolve(input, doubles, biases));
        Assert.All(found.Zip(expected), pair => AssertClose(pair.Second, pair.First));

        static Tensor[] Penalty(Tensor x, Tensor[] weights, Func<Tensor, Tensor> network)
        {
            Tensor input = x.detach().requires_grad_(true);
            Tensor gradient = autograd.grad([network(input).sum()], [input], create_graph: true, retain_graph: true)[0];
            return [.. autograd.grad([gradient.square().sum()], weights)];
        }
    }

    /// <summary>
    /// Checks that a layer's values and gradients are the same to the bit with any number of threads, and its values in any batch.
    /// Without the instructions it is libtorch's own layer, which promises nothing of it.
    /// </summary>
    /// <param name="layer">The layer.</param>
    /// <param name="x">Its input, of more than three rows.</param>
    /// <param name="learned">What has gradients beside the input.</param>
    /// <param name="threads">Numbers of threads beside 1.</param>
    public static void CheckThreadsAndBatch(WeightedLayer layer, Tensor x, Tensor[] learned, params int[] threads)
    {
        if (!Avx512F.IsSupported)
            return;
        x = x.requires_grad_(true);
        (Tensor Values, Tensor[] Gradients) one = Run(1);
        foreach (int count in threads)
        {
            (Tensor values, Tensor[] gradients) = Run(count);
            AssertEqual(one.Values, values);
            Assert.All(one.Gradients.Zip(gradients), pair => AssertEqual(pair.First, pair.Second));
        }

        using IDisposable noGradient = no_grad();
        AssertEqual(one.Values.narrow(0, 3, 1), layer.call(x.narrow(0, 3, 1)));

        (Tensor Values, Tensor[] Gradients) Run(int count)
        {
            using IDisposable limited = TorchThreads.Scope(count);
            Tensor y = layer.call(x);
            return (y.detach(), [.. autograd.grad([y.square().sum()], [x, .. learned])]);
        }
    }

    public static void AssertEqual(Tensor expected, Tensor found) => Assert.True(expected.eq(found).all().ToBoolean());

    public static void AssertClose(Tensor expected, Tensor found)
    {
        Assert.Equal(expected.shape, found.shape);
        double error = (found.to(float64) - expected).abs().max().ToDouble(), size = expected.square().mean().sqrt().ToDouble();
        Assert.True(error <= Tolerance * size, $"{error} beside {size}");
    }
}
