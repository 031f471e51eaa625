using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Vae;
using Microsoft.ML.Generative.Images.Vae.Networks;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class VaeLikelihoodTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static VaeDecoderLikelihood Create(VaeLikelihood likelihood, int channels = 1, int size = 2, double noise = 0.3)
    {
        TorchRuntime.EnsureLoaded();
        var options = new VaeOptions { Likelihood = likelihood, NoiseStandardDeviation = noise };
        var row = new RowShape(new ImageShape(channels, 1, size / channels), size);
        VaeDecoderLikelihood made = VaeDecoderLikelihood.Create(VaeArchitecture.Of(options, row));
        made.to(float64);
        return made;
    }

    [Theory]
    [InlineData(-1.0, 0.1)]
    [InlineData(3.0, 0.004)]
    [InlineData(-20.0, 0.02)]
    [InlineData(0.2, 1.5)]
    public void The_256_levels_of_the_discretized_logistic_have_the_probabilities_of_their_bins(double output, double scale)
    {
        using VaeDecoderLikelihood likelihood = Create(VaeLikelihood.DiscretizedLogistic, channels: 1, size: 256);
        using (no_grad())
            likelihood.get_parameter("logScale")!.fill_(Math.Log(scale));
        double[] levels = [.. Enumerable.Range(0, 256).Select(i => i / 255.0)];
        Tensor negative = likelihood.NegativeLog(full([1, 256], output, float64), tensor(levels).view(1, 256), nn.Reduction.None);
        double[] probabilities = [.. negative.neg().exp().data<double>().ToArray()];

        Assert.Equal(1, probabilities.Sum(), 1e-9);
        double mean = 1 / (1 + Math.Exp(-output));
        double Cdf(double x) => 1 / (1 + Math.Exp(-(x - mean) / scale));
        for (int i = 0; i < 256; i++)
        {
            double lower = i == 0 ? 0 : Cdf(levels[i] - 0.5 / 255);
            double upper = i == 255 ? 1 : Cdf(levels[i] + 0.5 / 255);
            Assert.Equal(upper - lower, probabilities[i], 1e-9);
        }
    }

    [Fact]
    public void Far_from_the_mean_the_discretized_logistic_stays_finite()
    {
        using VaeDecoderLikelihood likelihood = Create(VaeLikelihood.DiscretizedLogistic);
        using (no_grad())
            likelihood.get_parameter("logScale")!.fill_(-50);
        Tensor output = tensor(new double[] { -40, 40 }).view(1, 2).requires_grad_();
        Tensor loss = likelihood.NegativeLog(output, tensor(new double[] { 0.5, 0 }).view(1, 2), nn.Reduction.Sum);
        loss.backward();
        Assert.True(double.IsFinite(loss.ToDouble()));
        Assert.True(output.grad!.isfinite().all().ToBoolean());
    }

    [Fact]
    public void Each_channel_has_its_own_scale()
    {
        using VaeDecoderLikelihood likelihood = Create(VaeLikelihood.DiscretizedLogistic, channels: 2, size: 6);
        using (no_grad())
            likelihood.get_parameter("logScale")!.copy_(tensor(new double[] { Math.Log(0.5), Math.Log(0.01) }));
        Tensor each = likelihood.NegativeLog(zeros([1, 6], float64), full([1, 6], 0.5, float64), nn.Reduction.None);
        Assert.Equal(1, each[0, 0..3].unique().output.numel());
        Assert.True(each[0, 0].ToDouble() > each[0, 3].ToDouble() + 2);
    }

    [Theory]
    [InlineData(0.3)]
    [InlineData(2.0)]
    public void The_learned_noise_begins_where_it_is_told_and_is_the_normal_density(double noise)
    {
        using VaeDecoderLikelihood likelihood = Create(VaeLikelihood.LearnedGaussian, noise: noise);
        // The bound from below moves it by less than log(1 + e^(−4)).
        Tensor each = likelihood.NegativeLog(
            tensor(new[] { 0.1, -2 }).view(1, 2), tensor(new[] { 0.4, 1.0 }).view(1, 2), nn.Reduction.None);
        double sigma = Math.Exp(Math.Log(1 + Math.Exp(Math.Log(noise) + 6)) - 6);
        Assert.Equal(noise, sigma, 0.01 * noise);
        double Density(double difference) => 0.5 * Math.Pow(difference / sigma, 2) + Math.Log(sigma * Math.Sqrt(2 * Math.PI));
        Assert.Equal(Density(0.3), each[0, 0].ToDouble(), 1e-4);
        Assert.Equal(Density(3), each[0, 1].ToDouble(), 1e-4);
    }

    [Fact]
    public void The_learned_noise_finds_the_residuals_size()
    {
        using VaeDecoderLikelihood likelihood = Create(VaeLikelihood.LearnedGaussian, size: 400, noise: 1);
        using var generator = new Generator(3);
        Tensor x = randn([10, 400], float64, generator: generator) * 0.2;
        using var optimizer = optim.Adam(likelihood.parameters(), 0.05);
        for (int i = 0; i < 400; i++)
        {
            using DisposeScope scope = NewDisposeScope();
            optimizer.zero_grad();
            likelihood.NegativeLog(zeros_like(x), x, nn.Reduction.Sum).backward();
            optimizer.step();
        }

        double best = 0.5 * Math.Log(2 * Math.PI * Math.E * x.square().mean().ToDouble());
        Assert.Equal(best, likelihood.NegativeLog(zeros_like(x), x, nn.Reduction.Sum).ToDouble() / 4000, 1e-4);
    }

    [Theory]
    [InlineData(VaeLikelihood.Bernoulli)]
    [InlineData(VaeLikelihood.Gaussian)]
    [InlineData(VaeLikelihood.LearnedGaussian)]
    [InlineData(VaeLikelihood.DiscretizedLogistic)]
    public void The_sum_is_the_sum_of_the_values_and_its_gradient_is_by_differences(VaeLikelihood kind)
    {
        using VaeDecoderLikelihood likelihood = Create(kind, channels: 2, size: 4);
        Tensor output = tensor(new[] { 0.3, -0.7, 1.2, 0.1 }).view(1, 4).requires_grad_();
        Tensor x = tensor(new[] { 0, 0.2, 1, 0.6 }).view(1, 4);
        Tensor Loss() => likelihood.NegativeLog(output, x, nn.Reduction.Sum);
        Assert.Equal(likelihood.NegativeLog(output, x, nn.Reduction.None).sum().ToDouble(), Loss().ToDouble(), 9);
        Loss().backward();

        using IDisposable noGradient = no_grad();
        foreach (Tensor leaf in (Tensor[])[output, .. likelihood.parameters()])
        {
            Tensor flat = leaf.view(-1);
            for (int i = 0; i < flat.numel(); i++)
            {
                double value = flat[i].ToDouble();
                flat[i] = value + 1e-6;
                double above = Loss().ToDouble();
                flat[i] = value - 1e-6;
                double below = Loss().ToDouble();
                flat[i] = value;
                Assert.Equal((above - below) / 2e-6, leaf.grad!.view(-1)[i].ToDouble(), 1e-5);
            }
        }
    }
}
