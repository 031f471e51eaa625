using System.Runtime.Intrinsics.X86;
using Microsoft.ML.Generative.Layers;
using TorchSharp;
using static TorchSharp.torch;
using Conv2d = Microsoft.ML.Generative.Layers.Conv2d;
using ConvTranspose2d = Microsoft.ML.Generative.Layers.ConvTranspose2d;

namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// The layers that use the kernel, against libtorch's convolution in Float64. Without the instructions they are libtorch's own.
/// </summary>
[Collection(GlobalTorchState.Name)]
public class StridedConvolutionTests
{
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
        ConvolutionChecks.Check(halving, x, ConvolutionChecks.Halve);

        using var doubling = new ConvTranspose2d(small, large, 4, stride: 2, padding: 1);
        Tensor y = randn(batch, small, height, width);
        Assert.Equal(Avx512F.IsSupported, StridedConvolution.CanUse(y, doubling.Weight.Dense(), isTransposed: true));
        ConvolutionChecks.Check(doubling, y, ConvolutionChecks.Double);
    }

    // Several blocks of tiles, whose gradients of the weights are added up.
    [Fact]
    public void Many_tiles_are_as_few()
    {
        using DisposeScope scope = NewDisposeScope();
        using var layer = new Conv2d(16, 16, 4, stride: 2, padding: 1);
        ConvolutionChecks.Check(layer, randn(40, 16, 64, 64), ConvolutionChecks.Halve);
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
        Tensor x = randn(7, 48, 20, 20);
        ConvolutionChecks.CheckThreadsAndBatch(layer, x, [layer.Weight.Dense()], 2);
    }

    [Fact]
    public void Gradients_have_gradients()
    {
        using DisposeScope scope = NewDisposeScope();
        using var halving = new Conv2d(16, 16, 4, stride: 2, padding: 1);
        using var doubling = new ConvTranspose2d(16, 16, 4, stride: 2, padding: 1);
        ConvolutionChecks.CheckSecondGradients(
            [halving, doubling], randn(2, 16, 8, 8), input => doubling.call(halving.call(input).square()),
            (input, w, b) => ConvolutionChecks.Double(ConvolutionChecks.Halve(input, w[0], b[0]).square(), w[1], b[1]));
    }

    [Fact]
    public void A_model_that_is_not_in_training_computes_as_libtorch_does()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        using var layer = new Conv2d(16, 24, 4, stride: 2, padding: 1);
        layer.eval();
        Tensor x = randn(2, 16, 8, 8);
        ConvolutionChecks.AssertEqual(ConvolutionChecks.Halve(x, layer.Weight.Dense(), layer.Bias!), layer.call(x));
    }
}
