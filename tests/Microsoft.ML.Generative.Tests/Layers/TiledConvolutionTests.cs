using System.Runtime.Intrinsics.X86;
using Microsoft.ML.Generative.Layers;
using TorchSharp;
using static TorchSharp.torch;
using Conv2d = Microsoft.ML.Generative.Layers.Conv2d;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// The layers that use the kernel, against libtorch's convolution in Float64. Without the instructions they are libtorch's own.
/// </summary>
[Collection(GlobalTorchState.Name)]
public class TiledConvolutionTests
{
    [Theory]
    [InlineData(2, 16, 16, 8, 8)]
    [InlineData(1, 16, 1, 5, 8)]
    [InlineData(2, 33, 17, 13, 6)]
    [InlineData(3, 32, 48, 28, 28)]
    [InlineData(1, 17, 16, 7, 131)]
    [InlineData(5, 64, 20, 7, 7)]
    [InlineData(0, 16, 16, 8, 8)]
    [InlineData(16, 16, 16, 32, 30)]
    public void Values_and_gradients_are_those_of_the_convolution(int batch, int inputs, int outputs, int height, int width)
    {
        using DisposeScope scope = NewDisposeScope();
        using var layer = new Conv2d(inputs, outputs, 3, padding: 1);
        Tensor x = randn(batch, inputs, height, width);
        Assert.Equal(Avx512F.IsSupported, TiledConvolution.CanUse(x, layer.Weight.Dense()));
        ConvolutionChecks.Check(layer, x, (input, weight, bias) => F.conv2d(input, weight, bias, padding: [1, 1]));
    }

    [Theory]
    [InlineData(2, 16, 16, 4, 4)]
    [InlineData(2, 33, 17, 6, 5)]
    [InlineData(1, 20, 33, 3, 40)]
    [InlineData(2, 16, 3, 16, 14)]
    public void An_enlarged_image_is_as_if_its_pixels_were_repeated(int batch, int inputs, int outputs, int height, int width)
    {
        using DisposeScope scope = NewDisposeScope();
        using var layer = new UpsamplingConv2d(inputs, outputs);
        Tensor x = randn(batch, inputs, height, width);
        Assert.Equal(Avx512F.IsSupported, TiledConvolution.CanUse(x, layer.Weight.Dense(), isEnlarged: true));
        ConvolutionChecks.Check(layer, x, (input, weight, bias) => F.conv2d(
            input.repeat_interleave(2, 2).repeat_interleave(2, 3), weight, bias, padding: [1, 1]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Results_depend_on_neither_threads_nor_the_rest_of_the_batch(bool isEnlarged)
    {
        using DisposeScope scope = NewDisposeScope();
        using WeightedLayer layer = isEnlarged ? new UpsamplingConv2d(48, 40) : new Conv2d(48, 40, 3, padding: 1);
        Tensor x = randn(5, 48, 20, 20);
        // Five threads are more than the weights' gradient has parts.
        ConvolutionChecks.CheckThreadsAndBatch(layer, x, [layer.Weight.Dense(), layer.Bias!], 2, 5);
    }

    [Fact]
    public void Gradients_have_gradients()
    {
        using DisposeScope scope = NewDisposeScope();
        using var layer = new Conv2d(16, 16, 3, padding: 1);
        using var enlarging = new UpsamplingConv2d(16, 16);
        ConvolutionChecks.CheckSecondGradients(
            [layer, enlarging], randn(2, 16, 8, 8), input => enlarging.call(layer.call(input).square()),
            (input, w, b) => F.conv2d(
                F.conv2d(input, w[0], b[0], padding: [1, 1]).square().repeat_interleave(2, 2).repeat_interleave(2, 3), w[1], b[1],
                padding: [1, 1]));
    }

    [Fact]
    public void What_is_frozen_gets_no_gradient()
    {
        using DisposeScope scope = NewDisposeScope();
        using var layer = new Conv2d(16, 24, 3, padding: 1);
        Tensor x = randn(2, 16, 8, 8);

        layer.call(x).sum().backward();
        Assert.Null(x.grad);
        ConvolutionChecks.AssertClose(full(24, 128.0, dtype: float64), layer.Bias!.grad!);

        layer.Bias!.grad = null;
        layer.Weight.Dense().requires_grad = layer.Bias.requires_grad = false;
        layer.Weight.Dense().grad = null;
        Tensor input = x.clone().requires_grad_(true);
        layer.call(input).sum().backward();
        Assert.NotNull(input.grad);
        Assert.Null(layer.Weight.Dense().grad);
        Assert.Null(layer.Bias.grad);
    }
}
