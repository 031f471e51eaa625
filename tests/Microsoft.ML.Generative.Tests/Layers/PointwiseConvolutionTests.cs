using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Kernels;
using TorchSharp;
using static TorchSharp.torch;
using Conv2d = Microsoft.ML.Generative.Layers.Conv2d;
using F = TorchSharp.torch.nn.functional;

namespace Microsoft.ML.Generative.Tests;

/// <summary>1×1 convolutions by the library's own products of matrices, against libtorch in Float64.</summary>
[Collection(GlobalTorchState.Name)]
public class PointwiseConvolutionTests
{
    [Avx512Theory]
    [InlineData(1, 16, 16, 4, 4, true, true)]
    [InlineData(3, 48, 32, 4, 12, true, false)]
    [InlineData(40, 32, 64, 8, 10, false, true)]
    [InlineData(2, 96, 48, 16, 25, false, false)]
    [InlineData(17, 16, 112, 16, 9, true, true)]
    public void Values_and_gradients_are_those_of_the_convolution(
        int batch, int inputs, int outputs, int height, int width, bool hasBias, bool adds)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] tensors = Inputs(batch, inputs, outputs, height, width);
        Tensor[] doubles = [.. tensors.Select(t => t.detach().to(float64).requires_grad_(true))];
        int[] used = [0, 1, .. hasBias ? (int[])[2] : [], .. adds ? (int[])[3] : []];
        Assert.True(PointwiseConvolution.CanUse(tensors[0], tensors[1]));
        Tensor expected = F.conv2d(doubles[0], doubles[1], hasBias ? doubles[2] : null);
        if (adds)
            expected += doubles[3];
        Tensor found = Apply(tensors, hasBias, adds);
        ConvolutionChecks.AssertClose(expected, found);
        using (no_grad())
            ConvolutionChecks.AssertEqual(found, Apply(tensors, hasBias, adds));

        // Read in another order than the kernel's.
        Tensor direction = randn(batch, outputs, width, height).transpose(2, 3);
        Tensor[] wanted = [.. autograd.grad([(expected * direction.to(float64)).sum()], [.. used.Select(i => doubles[i])])];
        Tensor[] gradients = [.. autograd.grad([(found * direction).sum()], [.. used.Select(i => tensors[i])])];
        Assert.All(wanted.Zip(gradients), pair => ConvolutionChecks.AssertClose(pair.First, pair.Second));
    }

    [Avx512Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Channels_may_be_in_two_tensors(bool hasBias, bool adds)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] tensors = Inputs(5, 80, 32, 8, 6), parts = tensors[0].detach().split([48, 32], 1);
        Tensor x = parts[0].requires_grad_(true), beside = parts[1].requires_grad_(true), weight = tensors[1];
        Assert.True(PointwiseConvolution.CanUse(x, weight, beside));
        Assert.False(PointwiseConvolution.CanUse(x, weight, x));
        Tensor[] others = [weight, .. hasBias ? [tensors[2]] : (Tensor[])[], .. adds ? [tensors[3]] : (Tensor[])[]];
        Tensor expected = Apply(tensors, hasBias, adds), found = PointwiseConvolution.Apply(
            new(x, weight, beside, hasBias ? tensors[2] : null, adds ? tensors[3] : null));
        ConvolutionChecks.AssertEqual(expected, found);
        Tensor[] wanted = Gradients(expected, [tensors[0]], isDerivedAgain: false);
        Tensor[] gradients = Gradients(found, [x, beside], isDerivedAgain: false);
        ConvolutionChecks.AssertEqual(wanted[0], cat(gradients[..2], 1));
        Assert.All(wanted[1..].Zip(gradients[2..]), pair => ConvolutionChecks.AssertEqual(pair.First, pair.Second));
        wanted = Gradients(expected, [tensors[0]], isDerivedAgain: true);
        gradients = Gradients(found, [x, beside], isDerivedAgain: true);
        ConvolutionChecks.AssertClose(wanted[0].to(float64), cat(gradients[..2], 1));
        Assert.All(wanted[1..].Zip(gradients[2..]), pair => ConvolutionChecks.AssertClose(pair.First.to(float64), pair.Second));

        Tensor[] Gradients(Tensor y, Tensor[] inputs, bool isDerivedAgain)
        {
            inputs = [.. inputs, .. others];
            Tensor[] first = [.. autograd.grad([y.square().sum()], inputs, create_graph: isDerivedAgain, retain_graph: true)];
            return isDerivedAgain
                ? [.. autograd.grad([first.Select(g => g.square().sum()).Aggregate((a, b) => a + b)], inputs, retain_graph: true)]
                : first;
        }
    }

    [Avx512Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Only_what_is_learned_has_a_gradient(int learned)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] tensors = [.. Inputs(3, 32, 16, 4, 8).Select((t, i) => t.detach().requires_grad_(i == learned))];
        Tensor[] doubles = [.. tensors.Select((t, i) => t.detach().to(float64).requires_grad_(i == learned))];
        Apply(tensors, hasBias: true, adds: true).square().sum().backward();
        Tensor expected = (F.conv2d(doubles[0], doubles[1], doubles[2]) + doubles[3]).square().sum();
        ConvolutionChecks.AssertClose(autograd.grad([expected], [doubles[learned]])[0], tensors[learned].grad!);
        Assert.All(tensors.Where((_, i) => i != learned), t => Assert.Null(t.grad));
    }

    [Avx512Fact]
    public void Gradients_of_gradients_are_those_of_libtorch()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] tensors = Inputs(2, 16, 32, 4, 4);
        Tensor[] found = Penalty(tensors, t => Apply(t, hasBias: true, adds: true));
        Tensor[] expected = Penalty(
            [.. tensors.Select(t => t.detach().to(float64).requires_grad_(true))], t => F.conv2d(t[0], t[1], t[2]) + t[3]);
        Assert.All(expected.Zip(found), pair => ConvolutionChecks.AssertClose(pair.First, pair.Second));

        static Tensor[] Penalty(Tensor[] tensors, Func<Tensor[], Tensor> layer)
        {
            Tensor[] gradients = [.. autograd.grad([layer(tensors).pow(3).sum()], tensors, create_graph: true, retain_graph: true)];
            return [.. autograd.grad([gradients.Select(g => g.square().sum()).Aggregate((a, b) => a + b)], tensors)];
        }
    }

    [Avx512Fact]
    public void Results_depend_on_neither_threads_nor_the_rest_of_the_batch()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] tensors = Inputs(21, 64, 48, 12, 20);
        (Tensor Values, Tensor[] Gradients) one = Run(1);
        foreach (int threads in (int[])[2, 3, 7])
        {
            (Tensor values, Tensor[] gradients) = Run(threads);
            ConvolutionChecks.AssertEqual(one.Values, values);
            Assert.All(one.Gradients.Zip(gradients), pair => ConvolutionChecks.AssertEqual(pair.First, pair.Second));
        }

        Tensor[] row = [tensors[0].narrow(0, 5, 1), tensors[1], tensors[2], tensors[3].narrow(0, 5, 1)];
        ConvolutionChecks.AssertEqual(one.Values.narrow(0, 5, 1), Apply(row, hasBias: true, adds: true));

        (Tensor Values, Tensor[] Gradients) Run(int threads)
        {
            using IDisposable limited = TorchThreads.Scope(threads);
            Tensor y = Apply(tensors, hasBias: true, adds: true);
            return (y.detach(), [.. autograd.grad([y.square().sum()], tensors)]);
        }
    }

    [Fact]
    public void A_layer_adds_its_output_to_another()
    {
        using DisposeScope scope = NewDisposeScope();
        foreach (int channels in (int[])[32, 5])
        {
            using var layer = new Conv2d(channels, 32, 1);
            Tensor x = randn(2, channels, 4, 4), added = randn(2, 32, 4, 4);
            Tensor expected = F.conv2d(x.to(float64), layer.Weight.Dense().to(float64), layer.Bias!.to(float64)) + added.to(float64);
            ConvolutionChecks.AssertClose(expected, layer.AddTo(x, null, added));
            Tensor[] parts = x.split([channels / 2, channels - channels / 2], 1);
            ConvolutionChecks.AssertClose(expected, layer.AddTo(parts[0], parts[1], added));
            ConvolutionChecks.AssertClose(expected - added.to(float64), layer.call(x));
        }
    }

    [Fact]
    public void Layers_take_it_only_where_it_is_faster_and_possible()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor weight = randn(32, 16, 1, 1);
        Assert.Equal(MatrixProduct.IsFast, PointwiseConvolution.IsFast(randn(1, 16, 4, 4), weight));
        Assert.False(PointwiseConvolution.IsFast(randn(1, 16, 4, 5), weight));
        Assert.False(PointwiseConvolution.IsFast(randn(0, 16, 4, 4), weight));
        Assert.False(PointwiseConvolution.IsFast(randn(1, 16, 4, 4).to(bfloat16), weight.to(bfloat16)));
        Assert.False(PointwiseConvolution.IsFast(randn(1, 16, 4, 4), randn(24, 16, 1, 1)));
        Assert.False(PointwiseConvolution.IsFast(randn(1, 1024, 4, 4), empty(1024, 1024, 1, 1)));
    }

    private static Tensor[] Inputs(int batch, int inputs, int outputs, int height, int width)
    {
        Tensor[] tensors =
        [
            randn(batch, inputs, height, width), randn(outputs, inputs, 1, 1), randn(outputs), randn(batch, outputs, height, width),
        ];
        return [.. tensors.Select(t => t.requires_grad_(true))];
    }

    private static Tensor Apply(Tensor[] tensors, bool hasBias, bool adds) => PointwiseConvolution.Apply(
        new(tensors[0], tensors[1], Bias: hasBias ? tensors[2] : null, Added: adds ? tensors[3] : null));
}
