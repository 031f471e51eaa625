using Microsoft.ML.Generative.Layers;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Tests;

public class UpsamplingConvolutionTests
{
    [Fact]
    public void It_is_a_convolution_of_the_image_made_larger_in_values_and_gradients()
    {
        using DisposeScope scope = NewDisposeScope();
        using nn.Module<Tensor, Tensor> layer = new UpsamplingConv2d(3, 5);
        Tensor weight = layer.get_parameter("weight")!, bias = layer.get_parameter("bias")!;
        Tensor x = randn(2, 3, 4, 6).requires_grad_(true), direction = randn(2, 5, 8, 12);

        Tensor expected = F.conv2d(x.repeat_interleave(2, 2).repeat_interleave(2, 3), weight, bias, padding: [1, 1]);
        Tensor found = layer.call(x);
        Assert.Equal(expected.shape, found.shape);
        Assert.True((found - expected).abs().max().ToDouble() < 1e-5);

        Tensor[] wanted = [.. autograd.grad([(expected * direction).sum()], [x, weight, bias])];
        Tensor[] gradients = [.. autograd.grad([(found * direction).sum()], [x, weight, bias])];
        Assert.All(wanted.Zip(gradients), pair => Assert.True((pair.First - pair.Second).abs().max().ToDouble() < 1e-3));
    }
}
