using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Images.Vae;
using Microsoft.ML.Generative.Images.Vae.Networks;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class VaeObjectiveTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData(KlAnnealing.Constant, 1, 3.0)]
    [InlineData(KlAnnealing.Linear, 1, 0.0)]
    [InlineData(KlAnnealing.Linear, 21, 3.0 * 20 / 50)]
    [InlineData(KlAnnealing.Linear, 51, 3.0)]
    [InlineData(KlAnnealing.Linear, 100, 3.0)]
    [InlineData(KlAnnealing.Cyclical, 1, 0.0)]
    [InlineData(KlAnnealing.Cyclical, 6, 3.0 * 5 / 12.5)]
    [InlineData(KlAnnealing.Cyclical, 20, 3.0)]
    [InlineData(KlAnnealing.Cyclical, 26, 0.0)]
    [InlineData(KlAnnealing.Cyclical, 81, 3.0 * 5 / 12.5)]
    public void Beta_follows_its_schedule(KlAnnealing schedule, long step, double expected)
    {
        // 100 steps, the weight rises over half: of the training, or of each of four cycles of 25 steps.
        var options = new VaeOptions { Beta = 3, KlAnnealing = schedule, KlWarmup = 0.5, KlCycles = 4 };
        Assert.Equal(expected, VaeObjective.BetaAt(options, step, 100), 12);
    }

    [Fact]
    public void Free_bits_bound_the_cost_of_a_dimension_from_below_and_leave_the_reported_divergence_alone()
    {
        Losses Compute(double freeBits, bool isTraining)
        {
            var options = new VaeOptions
            {
                LatentSize = 3,
                HiddenSizes = [],
                Likelihood = VaeLikelihood.Gaussian,
                NoiseStandardDeviation = 1,
                FreeBits = freeBits,
            };
            using VaeNetwork network = LinearGaussian(options, encoderMeans: [0.5, 0, 2]);
            using var generator = new Generator(1);
            return new VaeObjective(network, options).Losses(
                new StepContext(1, 10, isTraining, generator, CPU), new TensorBatch(4, ones([4, 3])));
        }

        // N(mean, 1) against N(0, 1): mean²/2 in each dimension, 0.125, 0 and 2.
        double Kl(Losses losses) => losses.Terms.Single(t => t.Name == "kl").Value.ToDouble();
        double Cost(Losses losses) => losses.Total.ToDouble() - losses.Terms.Single(t => t.Name == "reconstruction").Value.ToDouble();
        Assert.Equal(2.125, Cost(Compute(0, true)), 1e-4);
        Assert.Equal(0.5 + 0.5 + 2, Cost(Compute(0.5, true)), 1e-4);
        Assert.Equal(2.125, Cost(Compute(0.5, false)), 1e-4);
        Assert.Equal(2.125, Kl(Compute(0.5, true)), 1e-4);
    }

    [Fact]
    public void On_a_linear_gaussian_model_with_its_exact_posterior_every_bound_is_the_likelihood()
    {
        var truth = new LinearTruth();
        using VaeTransformer model = truth.Model(posteriorScale: 1, posteriorShift: 0);
        IDataView data = truth.Draw(300);
        double exact = truth.MeanNegativeLogDensity(data);
        foreach (int samples in (int[])[1, 20])
        {
            VaeMetrics metrics = new MLContext(seed: 1).Generative().EvaluateVaeLikelihood(model, data, samples);
            Assert.Equal(exact, metrics.NegativeElbo, 1e-3);
            Assert.Equal(exact, metrics.NegativeLogLikelihood!.Value, 1e-3);
            Assert.Equal(samples, metrics.ImportanceSamples);
            Assert.Equal(2, metrics.ActiveUnits);
        }
    }

    [Fact]
    public void With_a_wrong_posterior_the_bound_lies_between_elbo_and_likelihood_and_tightens_with_samples()
    {
        var truth = new LinearTruth();
        using VaeTransformer model = truth.Model(posteriorScale: 1.6, posteriorShift: 0.5);
        IDataView data = truth.Draw(300);
        double exact = truth.MeanNegativeLogDensity(data);
        VaeMetrics[] metrics = [.. ((int[])[1, 5, 50, 2000])
            .Select(k => new MLContext(seed: 1).Generative().EvaluateVaeLikelihood(model, data, k))];
        double[] bounds = [.. metrics.Select(m => m.NegativeLogLikelihood!.Value)];

        // One sample's bound is the ELBO; KL(q ‖ posterior) in closed form is what it lacks: per dimension ½ (s² − 1 − ln s² + shift²).
        double gap = 2 * 0.5 * (1.6 * 1.6 - 1 - Math.Log(1.6 * 1.6) + 0.25);
        Assert.Equal(exact + gap, metrics[3].NegativeElbo, 0.02);
        Assert.Equal(exact + gap, bounds[0], 0.25);
        Assert.True(bounds[0] > bounds[1] && bounds[1] > bounds[2], string.Join(", ", bounds));
        Assert.True(bounds[2] > exact - 0.02);
        Assert.InRange(bounds[3], exact - 0.01, exact + 0.01);
    }

    [Fact]
    public void Rows_over_the_memory_budget_are_streamed_and_evaluate_to_the_same()
    {
        var ml = new MLContext(seed: 1);
        VaeMetrics Evaluate(long? budget, int passes)
        {
            using VaeTransformer model = ml.Transforms.Generative()
                .Vae(new VaeOptions { HiddenSizes = [8], LatentSize = 2, MaxSteps = 1, MemoryBudget = budget }).Fit(
                    ml.Generative().Datasets.Digits(64, seed: 1));
            var data = new CountedPasses(ml.Generative().Datasets.Digits(1_500, seed: 1));
            VaeMetrics metrics = ml.Generative().EvaluateVaeLikelihood(model, data, importanceSamples: 3, seed: 2);
            Assert.Equal(passes, data.Passes);
            return metrics;
        }

        VaeMetrics streamed = Evaluate(1 << 20, passes: 2);
        VaeMetrics inMemory = Evaluate(null, passes: 1);
        Assert.Equal(1_500, streamed.Rows);
        Assert.Equal(
            (inMemory.Rows, inMemory.NegativeElbo, inMemory.NegativeLogLikelihood, inMemory.ActiveUnits),
            (streamed.Rows, streamed.NegativeElbo, streamed.NegativeLogLikelihood, streamed.ActiveUnits));
    }

    [Fact]
    public void Training_on_the_importance_weighted_bound_follows_its_gradient()
    {
        var options = new VaeOptions { LatentSize = 2, HiddenSizes = [5], ImportanceSamples = 4 };
        TorchRuntime.EnsureLoaded();
        using VaeNetwork network = TorchSeed.Initialize(3, () => new VaeNetwork(VaeArchitecture.Of(options, new RowShape(null, 3))));
        network.to(float64);
        Tensor x = rand([6, 3], dtype: float64);

        Tensor mean, logVariance;
        Tensor noise = randn([4, 6, 2], dtype: float64);
        Tensor Loss()
        {
            (mean, logVariance) = network.Encode(x);
            return -(VaeObjective.LogWeights(network, x, null, mean, logVariance, noise).LogWeights.logsumexp(0) - Math.Log(4)).mean();
        }

        Loss().backward();
        using IDisposable noGradient = no_grad();
        foreach (var (name, parameter) in network.named_parameters())
        {
            Tensor flat = parameter.view(-1);
            double value = flat[0].ToDouble();
            flat[0] = value + 1e-6;
            double above = Loss().ToDouble();
            flat[0] = value - 1e-6;
            double below = Loss().ToDouble();
            flat[0] = value;
            Assert.Equal((above - below) / 2e-6, parameter.grad!.view(-1)[0].ToDouble(), 1e-6);
        }
    }

    [Fact]
    public void The_importance_weighted_loss_is_the_bound_of_its_draws()
    {
        var options = new VaeOptions { LatentSize = 2, HiddenSizes = [5], ImportanceSamples = 3 };
        TorchRuntime.EnsureLoaded();
        using VaeNetwork network = TorchSeed.Initialize(3, () => new VaeNetwork(VaeArchitecture.Of(options, new RowShape(null, 3))));
        Tensor x = rand([2, 3]);
        Losses losses;
        Tensor noise;
        using (var generator = new Generator(4))
            losses = new VaeObjective(network, options).Losses(new StepContext(1, 10, true, generator, CPU), new TensorBatch(2, x));
        using (var generator = new Generator(4))
            noise = randn([3, 2, 2], generator: generator);

        (Tensor mean, Tensor logVariance) = network.Encode(x);
        double total = 0;
        for (int row = 0; row < 2; row++)
        {
            double weights = 0;
            for (int k = 0; k < 3; k++)
            {
                double logWeight = 0;
                Tensor z = mean[row] + (logVariance[row] / 2).exp() * noise[k, row];
                Tensor probabilities = network.DecodeMean(z.unsqueeze(0))[0];
                for (int i = 0; i < 3; i++)
                {
                    logWeight += Math.Log(probabilities[i].ToDouble()) * x[row, i].ToDouble()
                        + Math.Log(1 - probabilities[i].ToDouble()) * (1 - x[row, i].ToDouble());
                }
                for (int d = 0; d < 2; d++)
                {
                    double variance = Math.Exp(logVariance[row, d].ToDouble());
                    double difference = (z[d] - mean[row, d]).ToDouble();
                    logWeight += -0.5 * Math.Pow(z[d].ToDouble(), 2) - 0.5 * Math.Log(2 * Math.PI);
                    logWeight -= -0.5 * difference * difference / variance - 0.5 * Math.Log(2 * Math.PI * variance);
                }

                weights += Math.Exp(logWeight);
            }

            total -= Math.Log(weights / 3) / 2;
        }

        Assert.Equal(total, losses.Total.ToDouble(), 1e-4);
    }

    [Fact]
    public void Dynamic_binarization_draws_ones_with_the_pixels_as_probabilities()
    {
        using var generator = new Generator(5);
        Tensor x = tensor(new float[] { 0, 0.25f, 1 });
        Tensor drawn = VaeObjective.Binarize(x.repeat(20_000, 1), generator);
        Assert.Equal(2, drawn.unique().output.numel());
        float[] frequency = drawn.mean([0]).data<float>().ToArray();
        Assert.Equal(0, frequency[0]);
        Assert.Equal(0.25, frequency[1], 0.012);
        Assert.Equal(1, frequency[2]);
    }

    // Encoder and decoder without hidden layers; the posterior does not depend on x and has variance 1.
    private static VaeNetwork LinearGaussian(VaeOptions options, double[] encoderMeans)
    {
        TorchRuntime.EnsureLoaded();
        var network = new VaeNetwork(VaeArchitecture.Of(options, new RowShape(null, 3)));
        using IDisposable noGradient = no_grad();
        network.get_parameter("posterior.weight")!.zero_();
        network.get_parameter("posterior.bias")!.copy_(tensor(encoderMeans.Concat([0, 0, 0]).ToArray()));
        return network;
    }

    /// <summary>x = W z + b + σ ε with orthogonal columns in W: marginal and posterior are known, and the posterior is diagonal.</summary>
    private sealed class LinearTruth
    {
        private const double Sigma = 0.6;
        private static readonly double[][] _w = [[1.5, 0.4], [1.5, -0.4], [0, 0.9], [0, 0]];
        private static readonly double[] _b = [0.3, -1, 0, 2];

        private static double Norm2(int column) => _w.Sum(row => row[column] * row[column]);

        public VaeTransformer Model(double posteriorScale, double posteriorShift)
        {
            TorchRuntime.EnsureLoaded();
            var options = new VaeOptions
            {
                InputColumnName = "Features",
                LatentSize = 2,
                HiddenSizes = [],
                Likelihood = VaeLikelihood.Gaussian,
                NoiseStandardDeviation = Sigma,
            };
            var network = new VaeNetwork(VaeArchitecture.Of(options, new RowShape(null, 4)));
            using IDisposable noGradient = no_grad();
            using DisposeScope scope = NewDisposeScope();

            // Posterior of dimension j: variance v = 1 / (1 + |w|²/σ²), mean v wᵀ(x − b) / σ².
            float[,] weight = new float[4, 4];
            float[] bias = new float[4];
            for (int j = 0; j < 2; j++)
            {
                double variance = 1 / (1 + Norm2(j) / (Sigma * Sigma));
                for (int i = 0; i < 4; i++)
                {
                    weight[j, i] = (float)(variance * _w[i][j] / (Sigma * Sigma));
                    bias[j] -= (float)(weight[j, i] * _b[i]);
                }

                bias[j] += (float)(posteriorShift * Math.Sqrt(variance));
                bias[2 + j] = (float)Math.Log(variance * posteriorScale * posteriorScale);
            }

            network.get_parameter("posterior.weight")!.copy_(tensor(weight));
            network.get_parameter("posterior.bias")!.copy_(tensor(bias));
            network.get_parameter("decoder.0.weight")!.copy_(tensor(_w.SelectMany(r => r).ToArray(), [4, 2]));
            network.get_parameter("decoder.0.bias")!.copy_(tensor(_b));
            return new VaeTransformer(
                Hosts.Create(new MLContext(seed: 1)), VaeDefinition.Of(options, new RowShape(null, 4), labelCount: 0, seed: 1), network,
                CPU);
        }

        public IDataView Draw(int count)
        {
            var random = new Random(8);
            double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            return new MLContext().Data.LoadFromEnumerable(Enumerable.Range(0, count).Select(_ =>
            {
                double[] z = [Normal(), Normal()];
                return new Row { Features = [.. _w.Select((w, i) => (float)(w[0] * z[0] + w[1] * z[1] + _b[i] + Sigma * Normal()))] };
            }).ToArray());
        }

        // Along w_j the variance is |w_j|² + σ², elsewhere σ².
        public double MeanNegativeLogDensity(IDataView data)
        {
            double sum = 0;
            int rows = 0;
            foreach (object?[] row in Rows.Read(data))
            {
                double[] d = [.. ((float[])row[0]!).Select((x, i) => x - _b[i])];
                double rest = d.Sum(v => v * v);
                for (int j = 0; j < 2; j++)
                {
                    double along = Math.Pow(d.Select((v, i) => v * _w[i][j]).Sum(), 2) / Norm2(j);
                    rest -= along;
                    double variance = Norm2(j) + Sigma * Sigma;
                    sum += 0.5 * (along / variance + Math.Log(2 * Math.PI * variance));
                }

                sum += 0.5 * (rest / (Sigma * Sigma) + 2 * Math.Log(2 * Math.PI * Sigma * Sigma));
                rows++;
            }

            return sum / rows;
        }

        private sealed class Row
        {
            [Microsoft.ML.Data.VectorType(4)]
            public float[] Features { get; set; } = [];
        }
    }
}
