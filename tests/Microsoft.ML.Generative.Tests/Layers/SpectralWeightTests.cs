using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Weights;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

public class SpectralWeightTests
{
    [Fact]
    public void Sigma_is_the_largest_singular_value_and_power_iteration_comes_near_it()
    {
        using var seeded = TorchSeed.Scope(3);
        using var linear = new Linear(40, 25);
        using var convolution = new Conv2d(6, 12, 4);
        foreach (WeightedLayer layer in (WeightedLayer[])[linear, convolution])
        {
            double expected = linalg.svdvals(layer.Weight.Dense().detach().flatten(1).to(ScalarType.Float64))[0].ToDouble();
            SpectralWeight spectral = SpectralWeight.Normalize(layer);
            double before = spectral.Sigma().ToDouble();
            Assert.InRange(before, 0.9 * expected, expected * 1.00001);
            for (int i = 0; i < 300; i++)
                spectral.Iterate();
            Assert.Equal(expected, spectral.Sigma().ToDouble(), 4);
        }
    }

    [Fact]
    public void The_layer_multiplies_with_its_weight_over_sigma_and_the_gradient_passes_through_sigma()
    {
        using var seeded = TorchSeed.Scope(3);
        using var layer = new Linear(5, 4, hasBias: false);
        Tensor weight = layer.Weight.Dense();
        SpectralWeight spectral = SpectralWeight.Normalize(layer);
        for (int i = 0; i < 300; i++)
            spectral.Iterate();
        layer.eval();
        Tensor x = randn(3, 5);
        Tensor result = layer.call(x);
        double sigma = spectral.Sigma().ToDouble();
        Assert.True(result.allclose(mm(x, weight.t()) / sigma, 1e-5, 1e-6));

        // W / σ does not change when W is scaled: its gradient is orthogonal to W.
        (result * randn(3, 4)).sum().backward();
        Assert.Equal(0, (weight.grad! * weight).sum().ToDouble(), 5);
        Assert.True(weight.grad!.norm().ToDouble() > 0.01);
    }

    [Fact]
    public void Only_a_pass_in_training_moves_the_singular_vector()
    {
        using var layer = new Linear(30, 30);
        SpectralWeight spectral = SpectralWeight.Normalize(layer);
        Tensor x = randn(2, 30);
        layer.eval();
        double before = spectral.Sigma().ToDouble();
        layer.call(x);
        Assert.Equal(before, spectral.Sigma().ToDouble());
        layer.train();
        layer.call(x);
        Assert.NotEqual(before, spectral.Sigma().ToDouble());
    }

    [Fact]
    public void The_layer_keeps_its_names_and_has_the_singular_vector_as_a_buffer()
    {
        using var layer = new Conv2d(3, 4, 3);
        SpectralWeight.Normalize(layer);
        Assert.Equal(["weight", "bias"], layer.named_parameters().Select(p => p.name));
        Assert.Equal(["u"], layer.named_buffers().Select(b => b.name));
    }
}

/// <summary>What is created without memory disturbs no weights that another training samples meanwhile.</summary>
[Collection(GlobalTorchState.Name)]
public sealed class UnsampledSpectralWeightTests
{
    [Fact]
    public void Weighing_the_size_of_a_network_takes_no_noise()
    {
        using var seeded = TorchSeed.Scope(3);
        using Tensor before = random.get_rng_state();
        ModuleTensors.WithoutMemory(long.MaxValue, int.MaxValue, () =>
        {
            var layer = new Conv2d(3, 4, 3);
            SpectralWeight.Normalize(layer);
            return layer;
        }).Dispose();
        using Tensor after = random.get_rng_state();
        Assert.Equal(before.bytes.ToArray(), after.bytes.ToArray());
    }
}
