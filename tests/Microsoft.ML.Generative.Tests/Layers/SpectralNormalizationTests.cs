using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

public class SpectralNormalizationTests
{
    [Fact]
    public void Sigma_is_the_largest_singular_value_and_power_iteration_comes_near_it()
    {
        using var seeded = TorchSeed.Scope(3);
        Layer.Product linear = Layer.Linear(40, 25);
        Layer.Product convolution = Layer.Conv2d(6, 12, 4);
        foreach (Layer.Product layer in (Layer.Product[])[linear, convolution])
        {
            double expected = linalg.svdvals(layer.Weight.detach().flatten(1).to(ScalarType.Float64))[0].ToDouble();
            using var spectral = new SpectralNormalization(layer);
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
        Layer.Product layer = Layer.Linear(5, 4, hasBias: false);
        using var spectral = new SpectralNormalization(layer);
        for (int i = 0; i < 300; i++)
            spectral.Iterate();
        spectral.eval();
        Tensor x = randn(3, 5);
        Tensor result = spectral.call(x);
        double sigma = spectral.Sigma().ToDouble();
        Assert.True(result.allclose(mm(x, layer.Weight.t()) / sigma, 1e-5, 1e-6));

        // W / σ does not change when W is scaled: its gradient is orthogonal to W.
        (result * randn(3, 4)).sum().backward();
        Assert.Equal(0, (layer.Weight.grad! * layer.Weight).sum().ToDouble(), 5);
        Assert.True(layer.Weight.grad!.norm().ToDouble() > 0.01);
    }

    [Fact]
    public void Only_a_pass_in_training_moves_the_singular_vector()
    {
        using var spectral = new SpectralNormalization(Layer.Linear(30, 30));
        Tensor x = randn(2, 30);
        spectral.eval();
        double before = spectral.Sigma().ToDouble();
        spectral.call(x);
        Assert.Equal(before, spectral.Sigma().ToDouble());
        spectral.train();
        spectral.call(x);
        Assert.NotEqual(before, spectral.Sigma().ToDouble());
    }
}
