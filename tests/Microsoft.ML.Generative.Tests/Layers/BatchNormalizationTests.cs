using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

public sealed class BatchNormalizationTests
{
    // A channel of 1, 3, 5, 7: mean 4, variance 5, and 20/3 without bias.
    [Fact]
    public void It_learns_by_the_batch_and_afterwards_computes_by_its_averages()
    {
        TorchRuntime.EnsureLoaded();
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        using var layer = new BatchNormalization(1);
        Tensor x = tensor([1f, 3, 5, 7], [2, 1, 2, 1]);
        float[] normalised = layer.call(x).data<float>().ToArray();
        foreach ((float value, float expected) in normalised.Zip([-3f, -1, 1, 3]))
            Assert.Equal(expected / Math.Sqrt(5), value, 1e-4);

        layer.eval();
        double Expected(double value) => (value - 0.1 * 4) / Math.Sqrt(0.9 + 0.1 * 20 / 3);
        Assert.Equal(Expected(7), layer.call(x)[1, 0, 1, 0].item<float>(), 1e-4);
    }

    [Fact]
    public void A_single_value_leaves_its_averages_as_they_are()
    {
        TorchRuntime.EnsureLoaded();
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        using var layer = new BatchNormalization(2);
        Assert.Equal(3, layer.call(full([1, 2, 1, 1], 3f))[0, 0, 0, 0].item<float>(), 1e-4);
        Assert.Equal([0f, 0f], layer.state_dict()["running_mean"].data<float>().ToArray());
    }
}
