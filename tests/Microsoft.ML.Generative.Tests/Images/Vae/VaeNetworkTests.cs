using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Vae;
using Microsoft.ML.Generative.Images.Vae.Networks;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class VaeNetworkTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Kl_divergence_agrees_with_a_monte_carlo_estimate()
    {
        using var generator = new Generator(3);
        Tensor mean = tensor(new[] { 0.7, -1.2, 0.0 }).reshape(1, 3);
        Tensor logVariance = tensor(new[] { -1.0, 0.4, 0.0 }).reshape(1, 3);

        // KL = E_q[log q(z) − log p(z)], by 400,000 draws of z from q.
        Tensor noise = randn([400_000, 3], dtype: float64, generator: generator);
        Tensor z = VaeNetwork.Reparameterize(mean, logVariance, noise);
        Tensor logRatio = (z.square() - noise.square() - logVariance) / 2;

        Tensor expected = logRatio.mean([0]);
        Tensor actual = VaeNetwork.KlDivergence(mean, logVariance)[0];
        for (int i = 0; i < 3; i++)
            Assert.Equal(expected[i].ToDouble(), actual[i].ToDouble(), 0.01);
        Assert.Equal(0, actual[2].ToDouble(), 12);
    }

    // Linear layers make thousands of large values: without a limit, e^1000 would be infinite, and the farthest row of all without a score.
    [Fact]
    public void Rows_far_from_all_others_have_finite_scores()
    {
        using VaeNetwork network = Network(
            new VaeOptions { LatentSize = 2, HiddenSizes = [4], Likelihood = VaeLikelihood.Gaussian }, shape: null, 3);
        using var generator = new Generator(3);
        Tensor x = randn([200, 3], dtype: float64, generator: generator).Times(1e5);
        (Tensor mean, Tensor logVariance) = network.Encode(x);
        Tensor z = VaeNetwork.Reparameterize(mean, logVariance, randn([200, 2], dtype: float64, generator: generator));
        Tensor error = network.NegativeLogLikelihood(network.Decode(z), x, nn.Reduction.None).sum([1]);
        Assert.Equal((-30.0f, 30.0f), (logVariance.min().ToSingle(), logVariance.max().ToSingle()));
        Assert.True(error.Plus(VaeNetwork.KlDivergence(mean, logVariance).sum([1])).isfinite().all().ToBoolean());
    }

    [Fact]
    public void Bernoulli_likelihood_is_the_published_formula()
    {
        using VaeNetwork network = Network(new VaeOptions { LatentSize = 2, HiddenSizes = [4] }, shape: null, 3);
        double[] logits = [-2.5, 0.3, 4];
        double[] x = [0.25, 1, 0];

        Tensor actual = network.NegativeLogLikelihood(tensor(logits).reshape(1, 3), tensor(x).reshape(1, 3), nn.Reduction.None);
        for (int i = 0; i < 3; i++)
        {
            double p = 1 / (1 + Math.Exp(-logits[i]));
            Assert.Equal(-(x[i] * Math.Log(p) + (1 - x[i]) * Math.Log(1 - p)), actual[0, i].ToDouble(), 12);
        }
    }

    [Theory]
    [InlineData(0.1)]
    [InlineData(2.0)]
    public void Gaussian_likelihood_is_the_normal_density(double sigma)
    {
        using VaeNetwork network = Network(
            new VaeOptions { LatentSize = 2, HiddenSizes = [4], Likelihood = VaeLikelihood.Gaussian, NoiseStandardDeviation = sigma },
            shape: null, 2);
        double[] mean = [0.5, -3];
        double[] x = [0.7, 1];

        Tensor each = network.NegativeLogLikelihood(tensor(mean).reshape(1, 2), tensor(x).reshape(1, 2), nn.Reduction.None);
        Tensor sum = network.NegativeLogLikelihood(tensor(mean).reshape(1, 2), tensor(x).reshape(1, 2), nn.Reduction.Sum);
        double[] expected = [.. mean.Zip(
            x, (m, v) => -Math.Log(Math.Exp(-(v - m) * (v - m) / (2 * sigma * sigma)) / (sigma * Math.Sqrt(2 * Math.PI))))];
        if (sigma >= 1)
            Assert.Equal(expected[1], each[0, 1].ToDouble(), 10);
        Assert.Equal(expected[0], each[0, 0].ToDouble(), 10);
        Assert.Equal(each.sum().ToDouble(), sum.ToDouble(), 10);
    }

    [Theory]
    [InlineData(1, 28, 28)]
    [InlineData(3, 7, 12)]
    [InlineData(4, 5, 1)]
    [InlineData(2, 33, 20)]
    public void Convolutional_network_returns_the_shape_that_it_was_given(int channels, int height, int width)
    {
        var shape = new ImageShape(channels, height, width);
        using VaeNetwork network = Network(
            new VaeOptions { LatentSize = 5, Network = VaeNetworkKind.Convolutional, ConvolutionChannels = [4, 6, 8] }, shape, shape.Size);
        (Tensor mean, Tensor logVariance) = network.Encode(rand([2, channels, height, width], dtype: float64));
        Assert.Equal([2, 5], mean.shape);
        Assert.Equal([2, 5], logVariance.shape);
        Assert.Equal([2, shape.Size], network.Decode(mean).shape);
    }

    [Theory]
    [InlineData(VaeNetworkKind.Mlp, new int[0])]
    [InlineData(VaeNetworkKind.Mlp, new[] { 400 })]
    [InlineData(VaeNetworkKind.Mlp, new[] { 30, 20, 10 })]
    [InlineData(VaeNetworkKind.Convolutional, new[] { 5 })]
    [InlineData(VaeNetworkKind.Convolutional, new[] { 4, 6, 8 })]
    public void Parameters_are_counted_without_making_the_network(VaeNetworkKind architecture, int[] sizes)
    {
        var shape = new ImageShape(3, 7, 12);
        var options = new VaeOptions { LatentSize = 5, Network = architecture, HiddenSizes = sizes, ConvolutionChannels = sizes };
        TorchRuntime.EnsureLoaded();
        foreach (VaeLikelihood likelihood in Enum.GetValues<VaeLikelihood>())
        {
            options.Likelihood = likelihood;
            VaeArchitecture described = VaeArchitecture.Of(options, new RowShape(shape, shape.Size), labelCount: 2);
            Shapes.AssertLikeReal(() => new VaeNetwork(described));
        }
    }

    [Fact]
    public void The_classic_network_has_the_classic_number_of_parameters() =>
        Assert.Equal(652_824, ModuleTensors.CountElements(() => new VaeNetwork(
            VaeArchitecture.Of(new VaeOptions { LatentSize = 20, HiddenSizes = [400] }, new RowShape(null, 784)))));

    [Theory]
    [InlineData(VaeNetworkKind.Mlp, VaeLikelihood.Bernoulli)]
    [InlineData(VaeNetworkKind.Convolutional, VaeLikelihood.Gaussian)]
    public void Gradients_agree_with_finite_differences(VaeNetworkKind architecture, VaeLikelihood likelihood)
    {
        random.manual_seed(1);
        var shape = new ImageShape(1, 4, 4);
        using VaeNetwork network = Network(
            new VaeOptions
            {
                LatentSize = 2,
                HiddenSizes = [
                6],
                ConvolutionChannels = [3],
                Network = architecture,
                Likelihood = likelihood,
                NoiseStandardDeviation = 0.7
            },
            shape, shape.Size);
        Tensor x = rand([3, 1, 4, 4], dtype: float64);
        Tensor noise = randn([3, 2], dtype: float64);

        Tensor Loss()
        {
            (Tensor mean, Tensor logVariance) = network.Encode(x);
            Tensor decoded = network.Decode(VaeNetwork.Reparameterize(mean, logVariance, noise));
            return network.NegativeLogLikelihood(decoded, x, nn.Reduction.Sum) + VaeNetwork.KlDivergence(mean, logVariance).sum();
        }

        Loss().backward();
        int checks = 0;
        using (no_grad())
        {
            foreach (var (name, parameter) in network.named_parameters())
            {
                Tensor flat = parameter.view(-1);
                double value = flat[0].ToDouble();
                const double step = 1e-6;
                flat[0] = value + step;
                double above = Loss().ToDouble();
                flat[0] = value - step;
                double below = Loss().ToDouble();
                flat[0] = value;
                double expected = (above - below) / (2 * step);
                double actual = parameter.grad!.view(-1)[0].ToDouble();
                Assert.True(Math.Abs(expected - actual) < 1e-5 * (1 + Math.Abs(expected)), $"{name}: {actual}, by differences {expected}");
                checks++;
            }
        }

        Assert.True(checks >= 8);
    }

    private static VaeNetwork Network(VaeOptions options, ImageShape? shape, int size)
    {
        TorchRuntime.EnsureLoaded();
        var network = new VaeNetwork(VaeArchitecture.Of(options, new RowShape(shape, size)));
        network.to(float64);
        return network;
    }
}
