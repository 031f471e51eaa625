using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

/// <summary>The layer against the formula of Wu, He 2018, in Float64.</summary>
[Collection(GlobalTorchState.Name)]
public class GroupNormalizationTests
{
    private const double Epsilon = 1e-5;

    [Theory]
    [InlineData(2, 8, 4, 4, 6, false, false, false)]
    [InlineData(2, 8, 4, 4, 6, true, true, false)]
    [InlineData(3, 12, 3, 5, 7, true, true, true)]
    [InlineData(1, 6, 6, 3, 1, true, false, true)]
    [InlineData(2, 32, 8, 32, 33, true, true, false)]
    [InlineData(1, 4, 1, 1, 2, false, true, true)]
    public void Values_and_gradients_are_those_of_the_formula(
        int batch, int channels, int groups, int height, int width, bool hasSilu, bool adds, bool scales)
    {
        using DisposeScope scope = NewDisposeScope();
        using GroupNormalization layer = Layer(groups, channels);

        // A mean far from 0, as inputs of a network may have it.
        Tensor x = (randn(batch, channels, height, width) * 2).add(3);
        Tensor?[] perImage = [.. new[] { adds, scales, scales }.Select(isThere => isThere ? randn(batch, channels) : null)];
        Tensor[] inputs = [x, .. layer.parameters(), .. perImage.OfType<Tensor>()];
        foreach (Tensor input in inputs)
            input.requires_grad = true;
        Tensor[] doubles = [.. inputs.Select(t => t.detach().to(float64).requires_grad_(true))];

        Tensor expected = Formula(doubles, groups, hasSilu, adds, scales);
        Tensor found = layer.Forward(x, hasSilu, perImage[0], perImage[1], perImage[2]);
        AssertClose(expected, found);
        using (no_grad())
            AssertClose(expected, layer.Forward(x, hasSilu, perImage[0], perImage[1], perImage[2]));

        Tensor direction = randn(batch, channels, width, height).transpose(2, 3);
        Tensor[] wanted = [.. autograd.grad([(expected * direction.to(float64)).sum()], doubles)];
        Tensor[] gradients = [.. autograd.grad([(found * direction).sum()], inputs)];
        Assert.All(wanted.Zip(gradients), pair => AssertClose(pair.First, pair.Second));
    }

    [Fact]
    public void Channels_may_be_in_two_tensors()
    {
        using DisposeScope scope = NewDisposeScope();
        // The third of four groups is in both.
        using GroupNormalization layer = Layer(4, 16);
        Tensor x = randn(3, 10, 5, 7).requires_grad_(true), beside = randn(3, 6, 5, 7).requires_grad_(true);
        Tensor together = cat([x, beside], 1).detach().requires_grad_(true), direction = randn(3, 16, 5, 7);
        foreach (bool isDerivedAgain in (bool[])[false, true])
        {
            Tensor expected = layer.Forward(together, hasSilu: true), found = layer.Forward(x, hasSilu: true, beside: beside);
            ConvolutionChecks.AssertEqual(expected, found);
            Tensor[] wanted = Gradients(expected, [together], isDerivedAgain), gradients = Gradients(found, [x, beside], isDerivedAgain);
            AssertClose(wanted[0], cat(gradients[..2], 1));
            Assert.All(wanted[1..].Zip(gradients[2..]), pair => AssertClose(pair.First, pair.Second));
        }

        using (no_grad())
            ConvolutionChecks.AssertEqual(layer.Forward(together, hasSilu: true), layer.Forward(x, hasSilu: true, beside: beside));

        Tensor[] Gradients(Tensor y, Tensor[] inputs, bool isDerivedAgain)
        {
            inputs = [.. inputs, .. layer.parameters()];
            Tensor[] first =
                [.. autograd.grad([(y * direction).sum()], inputs, create_graph: isDerivedAgain, retain_graph: isDerivedAgain)];
            return isDerivedAgain ? [.. autograd.grad([first.Select(g => g.square().sum()).Aggregate((a, b) => a + b)], inputs)] : first;
        }
    }

    [Fact]
    public void Results_depend_on_neither_threads_nor_the_rest_of_the_batch()
    {
        using DisposeScope scope = NewDisposeScope();
        using GroupNormalization layer = Layer(8, 64);
        Tensor x = randn(5, 64, 20, 21).requires_grad_(true), added = randn(5, 64).requires_grad_(true);

        Tensor[] Run(int threads)
        {
            using IDisposable limited = TorchThreads.Scope(threads);
            Tensor y = layer.Forward(x, hasSilu: true, added);
            return [y.detach(), .. autograd.grad([y.square().sum()], [x, added, .. layer.parameters()])];
        }

        Tensor[] one = Run(1), two = Run(2);
        Assert.All(one.Zip(two), pair => Assert.True(pair.First.eq(pair.Second).all().ToBoolean()));
        using IDisposable noGradient = no_grad();
        Tensor alone = layer.Forward(x.narrow(0, 3, 1), hasSilu: true, added.narrow(0, 3, 1));
        Assert.True(alone.eq(one[0].narrow(0, 3, 1)).all().ToBoolean());
    }

    [Fact]
    public void What_is_between_may_be_released_before_the_way_back()
    {
        using DisposeScope scope = NewDisposeScope();
        using GroupNormalization layer = Layer(2, 16);
        using var convolution = new Layers.Conv2d(16, 16, 3, padding: 1);
        Tensor x = randn(2, 16, 8, 8).requires_grad_(true);

        Tensor Run() => convolution.call(layer.Forward(x.square(), hasSilu: true, x.mean([2L, 3])));
        Tensor[] expected = [.. autograd.grad([Run().sum()], [x])];
        Tensor sum;
        using (NewDisposeScope())
            sum = Run().sum().MoveToOuterDisposeScope();
        Assert.True(autograd.grad([sum], [x])[0].eq(expected[0]).all().ToBoolean());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Gradients_have_gradients(bool scales)
    {
        using DisposeScope scope = NewDisposeScope();
        using GroupNormalization layer = Layer(2, 6);
        Tensor?[] perImage = [randn(3, 6), scales ? randn(3, 6) : null, scales ? randn(3, 6) : null];
        Tensor[] inputs = [randn(3, 6, 4, 5), .. layer.parameters(), .. perImage.OfType<Tensor>()];
        foreach (Tensor input in inputs)
            input.requires_grad = true;
        Tensor[] doubles = [.. inputs.Select(t => t.detach().to(float64).requires_grad_(true))];
        Tensor[] found = Penalty(inputs, layer.Forward(inputs[0], hasSilu: true, perImage[0], perImage[1], perImage[2]));
        Tensor[] expected = Penalty(doubles, Formula(doubles, 2, hasSilu: true, adds: true, scales));
        Assert.All(expected.Zip(found), pair => AssertClose(pair.First, pair.Second));

        static Tensor[] Penalty(Tensor[] inputs, Tensor output)
        {
            Tensor gradient = autograd.grad([output.pow(3).sum()], [inputs[0]], create_graph: true, retain_graph: true)[0];
            return [.. autograd.grad([gradient.square().sum()], inputs)];
        }
    }

    private static GroupNormalization Layer(int groups, int channels)
    {
        var layer = new GroupNormalization(groups, channels, Epsilon);
        using IDisposable noGradient = no_grad();
        foreach (Tensor parameter in layer.parameters())
            parameter.copy_(randn(channels));
        return layer;
    }

    // inputs: x, weight, bias, then what is added, scale and shift, where they are there.
    private static Tensor Formula(Tensor[] inputs, int groups, bool hasSilu, bool adds, bool scales)
    {
        (Tensor x, int next) = (inputs[0], 3);
        (long batch, long channels, long height, long width) = (x.size(0), x.size(1), x.size(2), x.size(3));
        if (adds)
            x = x + inputs[next++].unsqueeze(-1).unsqueeze(-1);
        Tensor grouped = x.reshape(batch, groups, -1);
        Tensor centered = grouped - grouped.mean([-1L], keepdim: true);
        Tensor variance = centered.square().mean([-1L], keepdim: true);
        Tensor normal = (centered / (variance + Epsilon).sqrt()).reshape(batch, channels, height, width);
        Tensor y = normal * inputs[1].view(1, -1, 1, 1) + inputs[2].view(1, -1, 1, 1);
        if (scales)
            y = y * (inputs[next].unsqueeze(-1).unsqueeze(-1) + 1) + inputs[next + 1].unsqueeze(-1).unsqueeze(-1);
        return hasSilu ? y / ((-y).exp() + 1) : y;
    }

    private static void AssertClose(Tensor expected, Tensor found)
    {
        Assert.Equal(expected.shape, found.shape);
        double error = (found.to(float64) - expected).abs().max().ToDouble(), size = expected.abs().max().ToDouble();
        Assert.True(error <= 1e-5 * size + 1e-6, $"{error} beside {size}");
    }
}
