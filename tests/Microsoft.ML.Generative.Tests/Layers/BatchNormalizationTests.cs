using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
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
        float[] normalized = layer.call(x).data<float>().ToArray();
        foreach ((float value, float expected) in normalized.Zip([-3f, -1, 1, 3]))
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

    [Fact]
    public void Its_averages_can_be_computed_anew_for_weights_that_have_changed()
    {
        TorchRuntime.EnsureLoaded();
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        using var layer = new BatchNormalization(1);
        for (int i = 0; i < 20; i++)
            layer.call(tensor([99f, 101], [2, 1, 1, 1]));
        using var network = nn.Sequential(nn.Sequential(layer));
        network.eval();
        float next = 0;
        BatchNormalization.Renew(network, 20, () => layer.call(tensor([next, ++next + 1], [2, 1, 1, 1])));
        Assert.False(layer.training);
        // Batches of i and i + 2 for i = 0..19 have the mean i + 1.
        Assert.Equal(10.5, layer.state_dict()["running_mean"].item<float>(), 1e-4);
        Assert.Equal(2, layer.state_dict()["running_var"].item<float>(), 1e-4);
    }

    [Fact]
    public void Gains_and_biases_follow_from_the_condition()
    {
        TorchRuntime.EnsureLoaded();
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        using var norm = new BatchNormalization(2, conditionSize: 3);
        norm.eval();
        Dictionary<string, TorchSharp.Modules.Parameter> weights = norm.named_parameters().ToDictionary(p => p.name, p => p.parameter);
        weights["gains.weight"].copy_(tensor([1f, 2, 3, 0, 0, 4], [2, 3]));
        weights["biases.weight"].copy_(tensor([5f, 0, 0, 0, 6, 0], [2, 3]));

        // Gains 1 + (1 + 3, 4), biases (5, 0); then 1 + (4, 0), (0, 12).
        Tensor condition = tensor([1f, 0, 1, 0, 2, 0], [2, 3]);
        float[] y = norm.Forward(ones(2, 2, 1, 1), condition).contiguous().data<float>().ToArray();
        Assert.Equal([10, 5, 5, 13], y.Select(v => (int)MathF.Round(v)));
    }
}
