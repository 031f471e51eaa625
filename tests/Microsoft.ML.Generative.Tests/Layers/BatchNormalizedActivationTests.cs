using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

/// <summary>The layer with its activation against the formula of Ioffe, Szegedy 2015, in Float64.</summary>
[Collection(GlobalTorchState.Name)]
public class BatchNormalizedActivationTests
{
    [Theory]
    [InlineData(2, 3, 4, 6, null)]
    [InlineData(5, 7, 3, 5, 0.0)]
    [InlineData(3, 16, 16, 16, 0.2)]
    [InlineData(64, 2, 1, 1, 0.2)]
    [InlineData(1, 4, 9, 11, 0.0)]
    public void Values_and_gradients_are_those_of_the_formula(int batch, int channels, int height, int width, double? slope)
    {
        using DisposeScope scope = NewDisposeScope();
        using BatchNormalization layer = Layer(channels);

        // A mean far from 0, as inputs of a network may have it.
        Tensor x = (randn(batch, channels, height, width) * 2).add(3);
        Tensor[] inputs = [x, .. layer.parameters()];
        foreach (Tensor input in inputs)
            input.requires_grad = true;
        Tensor[] doubles = [.. inputs.Select(t => t.detach().to(float64).requires_grad_(true))];
        Tensor expected = Formula(doubles, slope), found = layer.Forward(x, null, slope);
        AssertClose(expected, found);
        using (no_grad())
            Assert.True(layer.Forward(x, null, slope).eq(found).all().ToBoolean());

        // Read in another order than the kernel's.
        Tensor direction = randn(batch, channels, width, height).transpose(2, 3);
        Tensor[] wanted = [.. autograd.grad([(expected * direction.to(float64)).sum()], doubles)];
        Tensor[] gradients = [.. autograd.grad([(found * direction).sum()], inputs)];
        Assert.All(wanted.Zip(gradients), pair => AssertClose(pair.First, pair.Second));
    }

    [Fact]
    public void Vectors_are_as_images_of_one_pixel()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        using BatchNormalization layer = Layer(9);
        Tensor x = randn(20, 9);
        AssertClose(
            layer.Forward(x.unsqueeze(-1).unsqueeze(-1), null, 0.2).squeeze(-1).squeeze(-1).to(float64), layer.Forward(x, null, 0.2));
    }

    [Fact]
    public void Averages_move_as_libtorch_s_do()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        using BatchNormalization layer = Layer(5);
        Tensor mean = zeros(5), variance = ones(5);
        for (int i = 1; i <= 3; i++)
        {
            Tensor x = randn(4, 5, 3, 3) * i;
            nn.functional.batch_norm(x, mean, variance, training: true, momentum: 1.0 / i);
            layer.Forward(x, null, slope: 0);
        }

        AssertClose(mean.to(float64), layer.state_dict()["running_mean"]);
        AssertClose(variance.to(float64), layer.state_dict()["running_var"]);
    }

    [Fact]
    public void Results_do_not_depend_on_threads()
    {
        using DisposeScope scope = NewDisposeScope();
        using BatchNormalization layer = Layer(33);
        Tensor x = randn(6, 33, 20, 21).requires_grad_(true);

        Tensor[] Run(int threads)
        {
            using IDisposable limited = TorchThreads.Scope(threads);
            Tensor y = layer.Forward(x, null, 0.2);
            return [y.detach(), .. autograd.grad([y.square().sum()], [x, .. layer.parameters()])];
        }

        Assert.All(Run(1).Zip(Run(2)), pair => Assert.True(pair.First.eq(pair.Second).all().ToBoolean()));
    }

    [Fact]
    public void Gradients_have_gradients()
    {
        using DisposeScope scope = NewDisposeScope();
        using BatchNormalization layer = Layer(6);
        Tensor[] inputs = [randn(3, 6, 4, 5), .. layer.parameters()];
        foreach (Tensor input in inputs)
            input.requires_grad = true;
        Tensor[] doubles = [.. inputs.Select(t => t.detach().to(float64).requires_grad_(true))];
        Tensor[] found = Penalty(inputs, layer.Forward(inputs[0], null, 0.2)), expected = Penalty(doubles, Formula(doubles, 0.2));
        Assert.All(expected.Zip(found), pair => AssertClose(pair.First, pair.Second));

        static Tensor[] Penalty(Tensor[] inputs, Tensor output)
        {
            Tensor gradient = autograd.grad([output.pow(3).sum()], [inputs[0]], create_graph: true, retain_graph: true)[0];
            return [.. autograd.grad([gradient.square().sum()], inputs)];
        }
    }

    private static BatchNormalization Layer(int channels)
    {
        TorchRuntime.EnsureLoaded();
        var layer = new BatchNormalization(channels);
        using IDisposable noGradient = no_grad();
        foreach (Tensor parameter in layer.parameters())
            parameter.copy_(randn(channels));
        return layer;
    }

    // inputs: x, weight, bias.
    private static Tensor Formula(Tensor[] inputs, double? slope)
    {
        long[] others = [0, 2, 3];
        Tensor centered = inputs[0] - inputs[0].mean(others, keepdim: true);
        Tensor normal = centered / (centered.square().mean(others, keepdim: true) + BatchNormalization.Epsilon).sqrt();
        Tensor y = normal * inputs[1].view(1, -1, 1, 1) + inputs[2].view(1, -1, 1, 1);
        return slope is { } s ? where(y.gt(0), y, y * s) : y;
    }

    private static void AssertClose(Tensor expected, Tensor found)
    {
        Assert.Equal(expected.shape, found.shape);
        double error = (found.to(float64) - expected).abs().max().ToDouble(), size = expected.abs().max().ToDouble();
        Assert.True(error <= 1e-5 * size + 1e-6, $"{error} beside {size}");
    }
}
