using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class LayerTests
{
    [Theory]
    [InlineData("linear")]
    [InlineData("convolution")]
    [InlineData("transposed")]
    public void Layers_are_those_of_TorchSharp_with_the_same_initial_weights(string kind)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor x = kind == "linear" ? torch.randn(2, 7) : torch.randn(2, 3, 6, 5);
        torch.nn.Module<torch.Tensor, torch.Tensor> expected = TorchSeed.Initialize<torch.nn.Module<torch.Tensor, torch.Tensor>>(
            3, () => kind switch
        {
            "linear" => torch.nn.Linear(7, 4),
            "convolution" => torch.nn.Conv2d(3, 4, 3, stride: 2, padding: 1),
            _ => torch.nn.ConvTranspose2d(3, 4, 3, stride: 2, padding: 1, output_padding: 1),
        });
        torch.nn.Module<torch.Tensor, torch.Tensor> actual = TorchSeed.Initialize<torch.nn.Module<torch.Tensor, torch.Tensor>>(
            3, () => kind switch
        {
            "linear" => new Linear(7, 4),
            "convolution" => new Conv2d(3, 4, 3, stride: 2, padding: 1),
            _ => new ConvTranspose2d(3, 4, 3, stride: 2, padding: 1, outputPadding: 1),
        });

        Assert.Equal(expected.named_parameters().Select(p => (p.name, string.Join('×', p.parameter.shape))), actual.named_parameters()
            .Select(p => (p.name, string.Join('×', p.parameter.shape))));
        Assert.True(expected.call(x).allclose(actual.call(x), 1e-5, 1e-6));
    }

    [Fact]
    public void A_layer_can_go_without_a_bias()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        torch.nn.Module<torch.Tensor, torch.Tensor> layer = new Linear(3, 2, hasBias: false);
        Assert.Equal(["weight"], layer.named_parameters().Select(p => p.name));
        Assert.Equal(0, layer.call(torch.zeros(1, 3)).abs().sum().item<float>());
    }

    [Fact]
    public void In_BFloat16_products_are_close_and_gradients_stay_Float32()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        torch.nn.Module<torch.Tensor, torch.Tensor> layer = new Linear(64, 8);
        torch.Tensor x = torch.randn(16, 64);
        torch.Tensor Gradient(torch.ScalarType? type, torch.ScalarType expected)
        {
            layer.zero_grad();
            using IDisposable precision = MixedPrecision.Scope(type);
            torch.Tensor y = layer.call(x);
            Assert.Equal(expected, y.dtype);
            y.AsFloat32().square().sum().backward();
            torch.Tensor gradient = layer.get_parameter("weight")!.grad!;
            Assert.Equal(torch.ScalarType.Float32, gradient.dtype);
            return gradient.clone();
        }

        torch.Tensor exact = Gradient(null, torch.ScalarType.Float32);
        torch.Tensor rounded = Gradient(torch.ScalarType.BFloat16, torch.ScalarType.BFloat16);
        double difference = ((rounded - exact).norm() / exact.norm()).ToDouble();

        // Eight bits of precision, and not none of them lost.
        Assert.InRange(difference, 1e-5, 0.02);
        Assert.Null(MixedPrecision.Current);
    }

    [Fact]
    public void Precision_follows_the_option_and_the_device()
    {
        Assert.Null(MixedPrecision.Choose(ComputePrecision.Float32, DeviceType.CUDA));
        Assert.Equal(torch.ScalarType.BFloat16, MixedPrecision.Choose(ComputePrecision.BFloat16, DeviceType.CPU));
        Assert.Equal(torch.ScalarType.BFloat16, MixedPrecision.Choose(ComputePrecision.Auto, DeviceType.CUDA));
        bool hasInstructions = File.Exists("/proc/cpuinfo")
            && File.ReadAllText("/proc/cpuinfo").Split([' ', '\n', '\t']).Any(flag => flag is "avx512_bf16" or "amx_bf16");
        if (OperatingSystem.IsLinux())
            Assert.Equal(hasInstructions, MixedPrecision.Choose(ComputePrecision.Auto, DeviceType.CPU) is not null);
    }
}
