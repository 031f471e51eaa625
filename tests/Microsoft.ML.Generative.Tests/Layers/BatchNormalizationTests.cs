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
        Assert.Equal(3 / Math.Sqrt(20 / 3.0), layer.call(x)[1, 0, 1, 0].item<float>(), 1e-4);
    }

    [Fact]
    public void Its_averages_are_plain_means_of_ten_batches_and_then_forget_a_tenth_with_each()
    {
        TorchRuntime.EnsureLoaded();
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        using var layer = new BatchNormalization(1);
        float Mean() => layer.state_dict()["running_mean"].item<float>();
        void Learn(float value) => layer.call(tensor([value - 1, value + 1], [2, 1, 1, 1]));
        for (int i = 1; i <= 10; i++)
            Learn(i);
        Assert.Equal(5.5, Mean(), 1e-5);
        Assert.Equal(2, layer.state_dict()["running_var"].item<float>(), 1e-5);
        Learn(25.5f);
        Assert.Equal(0.9 * 5.5 + 0.1 * 25.5, Mean(), 1e-5);
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
