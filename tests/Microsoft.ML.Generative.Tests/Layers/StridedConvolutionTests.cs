using System.Runtime.Intrinsics.X86;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;
using Conv2d = Microsoft.ML.Generative.Layers.Conv2d;
using ConvTranspose2d = Microsoft.ML.Generative.Layers.ConvTranspose2d;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// The layers that use the kernel, against libtorch's convolution in Float64. Without the instructions they are libtorch's own.
/// </summary>
[Collection(GlobalTorchState.Name)]
public class StridedConvolutionTests
{
    private static readonly long[] _strides = [2, 2];
    private static readonly long[] _padding = [1, 1];

    [Theory]
    [InlineData(2, 16, 16, 4, 4)]
    [InlineData(3, 33, 17, 8, 8)]
    [InlineData(1, 17, 40, 7, 6)]
    [InlineData(2, 16, 20, 3, 13)]
    [InlineData(5, 64, 48, 4, 4)]
    [InlineData(1, 16, 33, 4, 70)]
    [InlineData(90, 48, 16, 4, 4)]
    public void Values_and_gradients_are_those_of_the_convolution(int batch, int large, int small, int height, int width)
    {
        using DisposeScope scope = NewDisposeScope();
        using var halving = new Conv2d(large, small, 4, stride: 2, padding: 1);
        Tensor x = randn(batch, large, 2 * height, 2 * width);
        Assert.Equal(Avx512F.IsSupported, StridedConvolution.CanUse(x, halving.Weight.Dense(), isTransposed: false));
        ConvolutionChecks.Check(halving, x, (input, weight, bias) => F.conv2d(input, weight, bias, _strides, _padding));

        using var doubling = new ConvTranspose2d(small, large, 4, stride: 2, padding: 1);
        Tensor y = randn(batch, small, height, width);
        Assert.Equal(Avx512F.IsSupported, StridedConvolution.CanUse(y, doubling.Weight.Dense(), isTransposed: true));
        ConvolutionChecks.Check(
            doubling, y, (input, weight, bias) => F.conv_transpose2d(input, weight, bias, _strides, _padding));
    }

    // Several blocks of tiles, whose gradients of the weights are added up.
    [Fact]
    public void Many_tiles_are_as_few()
    {
        using DisposeScope scope = NewDisposeScope();
        using var layer = new Conv2d(16, 16, 4, stride: 2, padding: 1);
        ConvolutionChecks.Check(
            layer, randn(40, 16, 64, 64), (input, weight, bias) => F.conv2d(input, weight, bias, _strides, _padding));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Results_depend_on_neither_threads_nor_the_rest_of_the_batch(bool isTransposed)
    {
        using DisposeScope scope = NewDisposeScope();
        using WeightedLayer layer = isTransposed
            ? new ConvTranspose2d(48, 40, 4, stride: 2, padding: 1)
            : new Conv2d(48, 40, 4, stride: 2, padding: 1);
        Tensor x = randn(7, 48, 20, 20).requires_grad_(true);

        (Tensor Values, Tensor[] Gradients) Run(int threads)
        {
            using IDisposable limited = TorchThreads.Scope(threads);
            Tensor y = layer.call(x);
            return (y.detach(), [.. autograd.grad([y.square().sum()], [x, layer.Weight.Dense()])]);
        }

        (Tensor Values, Tensor[] Gradients) one = Run(1), two = Run(2);
        ConvolutionChecks.AssertEqual(one.Values, two.Values);
        if (!Avx512F.IsSupported)
            return;
        Assert.All(one.Gradients.Zip(two.Gradients), pair => ConvolutionChecks.AssertEqual(pair.First, pair.Second));
        using IDisposable noGradient = no_grad();
        ConvolutionChecks.AssertEqual(one.Values.narrow(0, 3, 1), layer.call(x.narrow(0, 3, 1)));
    }

    [Fact]
    public void Gradients_have_gradients()
    {
        using DisposeScope scope = NewDisposeScope();
        using var halving = new Conv2d(16, 16, 4, stride: 2, padding: 1);
        using var doubling = new ConvTranspose2d(16, 16, 4, stride: 2, padding: 1);
        ConvolutionChecks.CheckSecondGradients(
            [halving, doubling], randn(2, 16, 8, 8), input => doubling.call(halving.call(input).square()),
            (input, w, b) => F.conv_transpose2d(
                F.conv2d(input, w[0], b[0], _strides, _padding).square(), w[1], b[1], _strides, _padding));
    }

    [Fact]
    public void A_model_that_is_not_in_training_computes_as_libtorch_does()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        using var layer = new Conv2d(16, 24, 4, stride: 2, padding: 1);
        layer.eval();
        Tensor x = randn(2, 16, 8, 8);
        ConvolutionChecks.AssertEqual(F.conv2d(x, layer.Weight.Dense(), layer.Bias, _strides, _padding), layer.call(x));
    }
}
