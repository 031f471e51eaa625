using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using TorchSharp;
using TorchSharp.Modules;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public class TrainingPhaseTests
{
    private static ToyOptions Sgd => new() { Optimizer = OptimizerKind.Sgd, Momentum = 0, LearningRate = 0.02, MaxSteps = 1 };

    [Fact]
    public void A_learning_rate_factor_scales_the_step_of_its_phase_alone()
    {
        float[] Moved(double factor)
        {
            using var one = new Regression(Sgd);
            float[] before = one.Weights;
            Toys.Loop(one.Options, [one.Phase with { LearningRateFactor = factor }]).Run();
            return [.. one.Weights.Zip(before, (now, then) => now - then)];
        }

        Assert.All(Moved(1).Zip(Moved(3)), m => Assert.Equal(3 * m.First, m.Second, 1e-5));
    }

    [Fact]
    public void What_a_phase_does_after_its_update_sees_the_updated_weights_and_is_seen_by_the_next()
    {
        using var one = new Regression(Sgd);
        one.Options.MaxSteps = 3;
        int calls = 0;
        Toys.Loop(one.Options, [one.Phase with
        {
            AfterUpdate = () =>
            {
                calls++;
                one.Model.weight!.clamp_(-0.01, 0.01);
            },
        }]).Run();
        Assert.Equal(3, calls);
        Assert.All(one.Weights[..2], w => Assert.InRange(Math.Abs(w), 0, 0.0100001f));
    }

    // Phase a runs in each step, b in steps 3, 6, 9 of 11, and takes its batches from a source of its own or from that of a.
    [Theory]
    [InlineData(false, 11)]
    [InlineData(true, 11 + 3)]
    public void A_phase_can_run_every_nth_step_and_resumes_in_the_same_steps(bool sharesBatches, int taken)
    {
        using var folder = new TemporaryFolder();
        (float[] Weights, List<long> Steps, int Taken) Train(string name, int? cancelAt)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            using var source = new CancellationTokenSource();
            var options =
                new ToyOptions { MaxSteps = 11, CancellationToken = source.Token, Checkpoints = new CheckpointOptions(folder.File(name)) };
            torch.nn.Module<torch.Tensor, torch.Tensor> first = TorchSeed.Initialize(1, () => torch.nn.Linear(2, 1)),
                second = TorchSeed.Initialize(2, () => torch.nn.Linear(2, 1));
            using var a = new TrainedNetwork("a", first, options);
            using var b = new TrainedNetwork("b", second, options);
            var batches = new NoiseBatches(4, 2, 5);
            var steps = new List<long>();
            TrainingPhase[] phases =
            [
                new(a, batches, (step, batch) =>
                {
                    if (step.Step == cancelAt)
                        source.Cancel();
                    return new Losses((first.call(batch[0]) - 1).square().mean());
                }),
                new(b, sharesBatches ? batches : new NoiseBatches(4, 2, 3), (step, batch) =>
                {
                    steps.Add(step.Step);
                    return new Losses((second.call(batch[0]) - torch.rand(4, 1)).square().mean());
                })
                { Interval = 3 },
            ];
            if (cancelAt is null)
                Toys.Loop(options, phases).Run();
            else
                Assert.ThrowsAny<OperationCanceledException>(() => Toys.Loop(options, phases).Run());
            return ([.. Toys.Numbers(first), .. Toys.Numbers(second)], steps, batches.Drawn);
        }

        var whole = Train("whole", null);
        Assert.Equal([3, 6, 9], whole.Steps);
        Assert.Equal(taken, whole.Taken);
        for (int step = 1; step < 11; step++)
        {
            var before = Train($"cut{step}", step);
            var after = Train($"cut{step}", null);
            Assert.Equal(whole.Weights, after.Weights);
            Assert.Equal(whole.Steps, before.Steps.Concat(after.Steps));
        }
    }

    [Fact]
    public void An_epoch_counts_what_an_occasional_phase_takes_of_its_batches()
    {
        // Two steps take one batch each and every second a further one: 9 batches are 6 steps.
        using var one = new Regression(new ToyOptions { BatchSize = 1, Epochs = 2 }, rows: 9);
        using var two = new Regression(one.Options);
        Toys.Loop(one.Options, [one.Phase, new TrainingPhase(two.Network, one.Batches, two.Phase.Losses) { Interval = 2 }]).Run();
        Assert.Equal(12, one.Network.Steps);
        Assert.Equal(6, two.Network.Steps);
    }

    [Fact]
    public void The_first_phase_runs_in_every_step()
    {
        using var one = new Regression(Sgd);
        Assert.Contains("interval is 2", Assert.Throws<ArgumentException>(() =>
            Toys.Loop(one.Options, [one.Phase with { Interval = 2 }]).Run()).Message);
    }

    [Fact]
    public void While_a_phase_runs_the_other_networks_get_no_gradient_and_what_is_frozen_stays_so()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        var options = new ToyOptions { MaxSteps = 3 };
        Sequential first = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)),
            second = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2));
        Parameter[] frozen = [.. first.parameters().Take(2), .. second.parameters().Take(2)];
        Parameter[] trained = [.. first.parameters().Skip(2), .. second.parameters().Skip(2)];
        foreach (Parameter parameter in frozen)
            parameter.requires_grad = false;
        float[] before = [.. frozen.SelectMany(p => p.detach().clone().data<float>().ToArray())];
        using var a = new TrainedNetwork("a", first, options);
        using var b = new TrainedNetwork("b", second, options);
        var seen = new List<bool[]>();
        Losses Look(torch.Tensor loss)
        {
            seen.Add([.. frozen.Concat(trained).Select(p => p.requires_grad)]);
            return new Losses(loss);
        }

        Toys.Loop(options,
        [
            new(a, new NoiseBatches(4, 2, 5), (_, batch) => Look(first.call(second.call(batch[0])).mean())) { Repeats = 2 },
            new(b, new NoiseBatches(4, 2, 5), (_, batch) => Look(-first.call(second.call(batch[0])).mean())),
        ]).Run();

        bool[] firstLearns = [false, false, false, false, true, true, false, false],
            secondLearns = [false, false, false, false, false, false, true, true];
        Assert.Equal(Enumerable.Repeat<bool[][]>([firstLearns, firstLearns, secondLearns], 3).SelectMany(s => s), seen);
        Assert.All(trained, p => Assert.True(p.requires_grad));
        Assert.Equal(before, frozen.SelectMany(p => p.detach().clone().data<float>().ToArray()));
    }

    [Fact]
    public void The_norm_of_the_gradient_is_reported_by_name_without_clipping()
    {
        using var one = new Regression(Sgd);
        var reports = new Reports();
        one.Options.Progress = reports;
        float[] before = one.Weights;
        Toys.Loop(one.Options, [one.Phase with { ReportsGradientNorm = true }]).Run();
        double norm = Math.Sqrt(one.Weights.Zip(before, (now, then) => Math.Pow((now - then) / 0.02, 2)).Sum());
        Assert.Equal(norm, reports.All[0].LossTerms["gradient of regression"], 3);
        Assert.Equal(norm, reports.All[0].GradientNorm!.Value, 3);
    }
}
