using Microsoft.ML.Generative.Training;
using TorchSharp;
using TorchSharp.Modules;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class TrainingLoopTests
{
    [Theory]
    [InlineData(OptimizerKind.Sgd, 0.05)]
    [InlineData(OptimizerKind.Adam, 0.1)]
    [InlineData(OptimizerKind.AdamW, 0.1)]
    public void A_linear_regression_finds_its_coefficients(OptimizerKind optimizer, double rate)
    {
        var options = new ToyOptions
        {
            Optimizer = optimizer,
            LearningRate = rate,
            BatchSize = 16,
            Epochs = 100,
            LearningRateSchedule = LearningRateSchedule.Cosine,
        };
        using Regression regression = new Regression(options).Train();
        Assert.Equal(2, regression.Weights[0], 1e-3);
        Assert.Equal(-3, regression.Weights[1], 1e-3);
        Assert.Equal(0.5, regression.Weights[2], 1e-3);
        Assert.False(regression.Model.training);
    }

    [Theory]
    [InlineData(OptimizerKind.Sgd)]
    [InlineData(OptimizerKind.Adam)]
    public void Eight_batches_of_one_row_make_the_step_of_one_batch_of_eight(OptimizerKind optimizer)
    {
        ToyOptions Options(int batch, int accumulate) => new()
        {
            Optimizer = optimizer,
            LearningRate = 0.05,
            BatchSize = batch,
            GradientAccumulationSteps = accumulate,
            Epochs = 3,
        };

        // 20 rows: the last step of an epoch has four rows, however they are cut.
        using Regression whole = new Regression(Options(8, 1), rows: 20).Train();
        using Regression parts = new Regression(Options(1, 8), rows: 20).Train();
        using Regression uneven = new Regression(Options(3, 3), rows: 9).Train();
        using Regression even = new Regression(Options(9, 1), rows: 9).Train();
        Assert.Equal(9, whole.Network.Steps);
        Assert.Equal(9, parts.Network.Steps);
        Close(whole.Weights, parts.Weights, 1e-6);
        Close(even.Weights, uneven.Weights, 1e-6);
    }

    [Fact]
    public void Rows_weigh_the_same_in_batches_of_different_sizes()
    {
        // Batches of 4 and 1 rows in one step, against all 5 at once.
        using Regression parts = new Regression(
            new ToyOptions { Optimizer = OptimizerKind.Sgd, BatchSize = 4, GradientAccumulationSteps = 2, MaxSteps = 3 }, rows: 5).Train();
        using Regression whole = new Regression(
            new ToyOptions { Optimizer = OptimizerKind.Sgd, BatchSize = 5, MaxSteps = 3 }, rows: 5).Train();
        Close(whole.Weights, parts.Weights, 1e-6);
    }

    [Fact]
    public void Accumulation_keeps_one_batch_of_activations_alive()
    {
        using var regression = new Regression(new ToyOptions { BatchSize = 8, GradientAccumulationSteps = 8, MaxSteps = 1 });
        var alive = new List<long>();
        TrainingPhase phase = regression.Phase with
        {
            Losses = (step, batch) =>
            {
                alive.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount);
                return regression.Phase.Losses(step, batch);
            },
        };
        Toys.Loop(regression.Options, [phase]).Run();
        Assert.Equal(8, alive.Count);
        Assert.Single(alive.Distinct());
    }

    [Fact]
    public void The_same_seed_trains_the_same_bits_and_another_seed_others()
    {
        float[] Train(int seed, int? threads)
        {
            using Regression regression = new Regression(
                new ToyOptions { BatchSize = 16, Epochs = 5, Threads = threads }, dropout: 0.3).Train(seed);
            return regression.Weights;
        }

        float[] first = Train(1, null);
        torch.rand(3).Dispose();
        Assert.Equal(first, Train(1, null));
        Assert.NotEqual(first, Train(2, null));
    }

    [Fact]
    public void Noise_comes_from_the_trainings_own_generator()
    {
        float[] Draws(int seed)
        {
            using var regression = new Regression(new ToyOptions { BatchSize = 64, MaxSteps = 4 });
            var draws = new List<float>();
            TrainingPhase phase = regression.Phase with
            {
                Losses = (step, batch) =>
                {
                    draws.Add(torch.rand([1], generator: step.Generator).item<float>());
                    return regression.Phase.Losses(step, batch);
                },
            };
            Toys.Loop(regression.Options, [phase], seed).Run();
            return [.. draws];
        }

        Assert.Equal(Draws(1), Draws(1));
        Assert.NotEqual(Draws(1), Draws(2));
        Assert.Equal(4, Draws(1).Distinct().Count());
    }

    [Fact]
    public void The_callers_random_numbers_threads_and_gradient_mode_are_as_before()
    {
        int threads = torch.get_num_threads();
        float[] Draw(Action between)
        {
            torch.random.manual_seed(11).Dispose();
            between();
            using torch.Tensor drawn = torch.rand(3);
            return drawn.data<float>().ToArray();
        }

        using IDisposable noGradient = torch.no_grad();
        float[] expected = Draw(() => { });
        int during = 0;
        using var regression = new Regression(new ToyOptions
        {
            MaxSteps = 5,
            Threads = threads
            + 1,
            Progress = new Reports { OnReport = _ => during = torch.get_num_threads() }
        }, dropout: 0.5);
        float[] before = regression.Weights;
        Assert.Equal(expected, Draw(() => regression.Train()));
        Assert.NotEqual(before, regression.Weights);
        Assert.Equal(threads + 1, during);
        Assert.Equal(threads, torch.get_num_threads());
        Assert.False(torch.is_grad_enabled());
    }

    [Fact]
    public void An_epoch_is_every_batch_once_and_a_step_does_not_cross_it()
    {
        using Regression regression = new Regression(
            new ToyOptions { BatchSize = 10, GradientAccumulationSteps = 2, Epochs = 3 }, rows: 50).Train();
        Assert.Equal(9, regression.Network.Steps);
        Assert.Equal(15, regression.Batches.Drawn);
        Assert.Equal([0, 1, 2], regression.Batches.Epochs);
    }

    [Fact]
    public void Steps_take_precedence_over_epochs()
    {
        using Regression regression = new Regression(new ToyOptions { BatchSize = 16, Epochs = 100, MaxSteps = 6 }).Train();
        Assert.Equal(6, regression.Network.Steps);
        Assert.Equal([0, 1], regression.Batches.Epochs);
    }

    [Fact]
    public void The_weights_end_as_their_moving_average()
    {
        var options = new ToyOptions
        {
            Optimizer = OptimizerKind.Sgd,
            Momentum = 0,
            BatchSize = 64,
            MaxSteps = 30,
            LearningRate = 0.1,
            EmaDecay = 0.8,
        };
        using var regression = new Regression(options);
        double[] average = [.. regression.Weights.Select(w => (double)w)];

        // Full-batch gradient descent by hand, in double precision.
        double[] w = [.. average];
        float[] x = regression.X.data<float>().ToArray(), y = regression.Y.data<float>().ToArray();
        for (int step = 1; step <= 30; step++)
        {
            double[] gradient = new double[3];
            for (int row = 0; row < 64; row++)
            {
                double error = w[0] * x[2 * row] + w[1] * x[2 * row + 1] + w[2] - y[row];
                gradient[0] += 2 * error * x[2 * row] / 64;
                gradient[1] += 2 * error * x[2 * row + 1] / 64;
                gradient[2] += 2 * error / 64;
            }

            double decay = Math.Min(0.8, (1.0 + step) / (10.0 + step));
            for (int i = 0; i < 3; i++)
            {
                w[i] -= 0.1 * gradient[i];
                average[i] = decay * average[i] + (1 - decay) * w[i];
            }
        }

        regression.Train();
        Close([.. average.Select(a => (float)a)], regression.Weights, 1e-5);
        Assert.True(Math.Abs(average[1] - w[1]) > 1e-4, "The average would not differ from the last weights.");
    }

    [Fact]
    public void Frozen_parameters_stay_and_trained_ones_move()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Sequential model = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1));
        Parameter[] parameters = [.. model.parameters()];
        parameters[0].requires_grad = false;
        float[][] before = [.. parameters.Select(p => p.detach().clone().data<float>().ToArray())];
        var options = new ToyOptions { MaxSteps = 5, Optimizer = OptimizerKind.AdamW, WeightDecay = 0.1, EmaDecay = 0.9 };
        using var network = new TrainedNetwork("n", model, options);
        var phase = new TrainingPhase(
            network, new NoiseBatches(8, 2, 5), (_, batch) => new Losses((model.call(batch[0]) - 3).square().mean()));
        Toys.Loop(options, [phase]).Run();

        Assert.Equal(before[0], parameters[0].detach().clone().data<float>().ToArray());
        for (int i = 1; i < parameters.Length; i++)
            Assert.NotEqual(before[i], parameters[i].detach().clone().data<float>().ToArray());
    }

    [Fact]
    public void Each_phase_changes_its_own_network_as_often_as_it_repeats()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Linear critic = torch.nn.Linear(2, 1), generator = torch.nn.Linear(2, 2);
        var criticOptions = new ToyOptions { MaxSteps = 4, Optimizer = OptimizerKind.Sgd, LearningRate = 0.01 };
        var generatorOptions = new ToyOptions { MaxSteps = 4 };
        using var criticNetwork = new TrainedNetwork("critic", critic, criticOptions);
        using var generatorNetwork = new TrainedNetwork("generator", generator, generatorOptions);
        var real = new NoiseBatches(8, 2, 100);
        var noise = new NoiseBatches(8, 2, 3);
        float[] criticSeen = Toys.Numbers(critic), generatorSeen = Toys.Numbers(generator);
        var calls = new List<string>();

        // Each phase looks at what the one before it has changed.
        var criticPhase = new TrainingPhase(criticNetwork, real, (_, batch) =>
        {
            if (calls.LastOrDefault() == "critic")
                Assert.Equal(generatorSeen, Toys.Numbers(generator));
            else if (calls.Count > 0)
                Assert.Equal(criticSeen, Toys.Numbers(critic));
            (criticSeen, generatorSeen) = (Toys.Numbers(critic), Toys.Numbers(generator));
            calls.Add("critic");
            return new Losses(critic.call(generator.call(batch[0])).mean() - critic.call(batch[0]).mean());
        })
        { Repeats = 3 };
        var generatorPhase = new TrainingPhase(generatorNetwork, noise, (_, batch) =>
        {
            Assert.Equal(generatorSeen, Toys.Numbers(generator));
            Assert.NotEqual(criticSeen, Toys.Numbers(critic));
            (criticSeen, generatorSeen) = (Toys.Numbers(critic), Toys.Numbers(generator));
            calls.Add("generator");
            return new Losses(-critic.call(generator.call(batch[0])).mean());
        });
        float[] before = Toys.Numbers(generator);
        Toys.Loop(criticOptions, [criticPhase, generatorPhase]).Run();

        Assert.Equal(Enumerable.Repeat((string[])["critic", "critic", "critic", "generator"], 4).SelectMany(c => c), calls);
        Assert.Equal(12, criticNetwork.Steps);
        Assert.Equal(4, generatorNetwork.Steps);
        Assert.Equal(12, real.Drawn);
        Assert.Equal(4, noise.Drawn);
        Assert.NotEqual(before, Toys.Numbers(generator));
    }

    [Fact]
    public void Clipping_bounds_the_step()
    {
        var reports = new Reports();
        var options = new ToyOptions
        {
            Optimizer = OptimizerKind.Sgd,
            Momentum = 0,
            MaxSteps = 1,
            LearningRate = 1,
            GradientClipNorm = 0.25,
            Progress = reports,
        };
        using var regression = new Regression(options);
        float[] before = regression.Weights;
        regression.Train();
        Assert.Equal(0.25, Math.Sqrt(before.Zip(regression.Weights, (a, b) => Math.Pow(a - b, 2)).Sum()), 1e-5);
        Assert.True(reports.All[^1].GradientNorm > 1);
    }

    [Fact]
    public void A_warm_up_and_a_schedule_reach_the_step()
    {
        var rates = new Reports();
        var options = new ToyOptions
        {
            Optimizer = OptimizerKind.Sgd,
            MaxSteps = 8,
            LearningRate = 0.4,
            WarmupSteps = 4,
            LearningRateSchedule = LearningRateSchedule.Linear,
            Progress = rates,
        };
        using Regression regression = new Regression(options).Train();
        double[] expected = [0.1, 0.2, 0.3, 0.4, 0.4, 0.3, 0.2, 0.1];
        Assert.Equal(expected.Length, rates.All.Count);
        Assert.All(expected.Zip(rates.All), pair => Assert.Equal(pair.First, pair.Second.LearningRate, 1e-12));
    }

    private static void Close(float[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], tolerance);
    }
}
