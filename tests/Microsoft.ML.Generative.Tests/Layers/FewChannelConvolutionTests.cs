using System.Runtime.Intrinsics.X86;
using Microsoft.ML.Generative.Layers;
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
public class FewChannelConvolutionTests
{
    [Theory]
    [InlineData(2, 1, 16, 1, 1)]
    [InlineData(3, 3, 17, 5, 7)]
    [InlineData(70, 1, 24, 4, 4)]
    [InlineData(2, 4, 33, 3, 16)]
    [InlineData(1, 15, 16, 13, 2)]
    public void Values_and_gradients_are_those_of_the_convolution(int batch, int channels, int features, int height, int width)
    {
        using DisposeScope scope = NewDisposeScope();
        using var keeping = new Conv2d(channels, features, 3, padding: 1);
        Tensor x = randn(batch, channels, height, width);
        Assert.Equal(Avx512F.IsSupported, FewChannelConvolution.CanUse(x, keeping.Weight.Dense(), isTransposed: false));
        ConvolutionChecks.Check(keeping, x, (input, weight, bias) => F.conv2d(input, weight, bias, padding: [1, 1]));

        using var halving = new Conv2d(channels, features, 4, stride: 2, padding: 1);
        x = randn(batch, channels, 2 * height, 2 * width);
        Assert.Equal(Avx512F.IsSupported, FewChannelConvolution.CanUse(x, halving.Weight.Dense(), isTransposed: false));
        ConvolutionChecks.Check(halving, x, ConvolutionChecks.Halve);

        using var doubling = new ConvTranspose2d(features, channels, 4, stride: 2, padding: 1);
        Tensor y = randn(batch, features, height, width);
        Assert.Equal(Avx512F.IsSupported, FewChannelConvolution.CanUse(y, doubling.Weight.Dense(), isTransposed: true));
        ConvolutionChecks.Check(doubling, y, ConvolutionChecks.Double);
    }

    [Fact]
    public void Sizes_that_are_odd_or_large_or_have_few_features_are_left_to_libtorch()
    {
        using DisposeScope scope = NewDisposeScope();
        using var halving = new Conv2d(3, 16, 4, stride: 2, padding: 1);
        Assert.False(FewChannelConvolution.CanUse(zeros(1, 3, 7, 8), halving.Weight.Dense(), isTransposed: false));
        ConvolutionChecks.Check(halving, randn(2, 3, 7, 9), ConvolutionChecks.Halve);

        using var few = new Conv2d(3, 8, 3, padding: 1);
        Assert.False(FewChannelConvolution.CanUse(zeros(1, 3, 8, 8), few.Weight.Dense(), isTransposed: false));
        using var many = new Conv2d(3, 16, 3, padding: 1);
        Assert.False(FewChannelConvolution.CanUse(zeros(1, 3, 512, 512), many.Weight.Dense(), isTransposed: false));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Results_depend_on_neither_threads_nor_the_rest_of_the_batch(bool isTransposed)
    {
        using DisposeScope scope = NewDisposeScope();
        using WeightedLayer layer = isTransposed
            ? new ConvTranspose2d(40, 3, 4, stride: 2, padding: 1)
            : new Conv2d(3, 40, 4, stride: 2, padding: 1);
        Tensor x = randn(7, isTransposed ? 40 : 3, 20, 20);
        ConvolutionChecks.CheckThreadsAndBatch(layer, x, [layer.Weight.Dense()], 2);
    }

    [Fact]
    public void Gradients_have_gradients()
    {
        using DisposeScope scope = NewDisposeScope();
        using var halving = new Conv2d(2, 16, 4, stride: 2, padding: 1);
        using var doubling = new ConvTranspose2d(16, 2, 4, stride: 2, padding: 1);
        ConvolutionChecks.CheckSecondGradients(
            [halving, doubling], randn(2, 2, 8, 8), input => doubling.call(halving.call(input).square()),
            (input, w, b) => ConvolutionChecks.Double(ConvolutionChecks.Halve(input, w[0], b[0]).square(), w[1], b[1]));
    }
}
