using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Generative.Training.Reporting;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class TrainingLoopReportTests
{
    [Fact]
    public void Long_work_that_trains_nothing_says_how_far_it_is()
    {
        MLContext ml = new();
        List<string> log = Logs.Of(ml);
        var often = new TimedLines(Hosts.Create(ml), "Validating", TimeSpan.Zero);
        often.Write(2, 5, "batches");
        often.Write(5, 5, "batches");
        Assert.EndsWith("Validating: 2 of 5 batches.", Assert.Single(log, line => line.Contains("Validating: ")));
        log.Clear();
        new TimedLines(Hosts.Create(ml), "Validating").Write(2, 5, "batches");
        Assert.DoesNotContain(log, line => line.Contains("Validating: "));
    }

    [Fact]
    public void Reports_go_up_to_the_last_step_and_name_the_terms()
    {
        var reports = new Reports();
        using var regression = new Regression(new ToyOptions { BatchSize = 1, Epochs = 10, Progress = reports }, rows: 70);
        // Each step takes a millisecond: a slow one would be reported for its time.
        var clock = new ManualClock();
        TrainingPhase phase = regression.Phase with
        {
            Losses = (step, batch) =>
            {
                clock.Now += TimeSpan.FromMilliseconds(1);
                return regression.Phase.Losses(step, batch);
            },
        };
        (Toys.Loop(regression.Options, [phase]) with { Clock = clock }).Run();

        // 700 steps, a report every third, after steps 1, 2, 4, … and at each end of an epoch.
        Assert.Equal(
            Enumerable.Range(1, 700).Where(s => s % 3 == 0 || s % 70 == 0 || int.IsPow2(s)).Select(s => (long)s),
            reports.All.Select(r => r.Step));
        Assert.All(reports.All, r =>
        {
            Assert.Equal(700, r.TotalSteps);
            Assert.Equal((r.Step - 1) / 70 + 1, r.Epoch);
            Assert.Equal(["squared", "bias"], r.LossTerms.Keys);
            Assert.Equal(r.Loss, r.LossTerms["squared"], 1e-6);
            Assert.Equal("cpu", r.Device);
            Assert.Equal(1_000, r.SamplesPerSecond, 1e-6);
            Assert.Equal(TimeSpan.FromMilliseconds(r.Step), r.Elapsed);
            Assert.Equal(700 - r.Step, r.Remaining.TotalMilliseconds, 1e-3);
            Assert.Null(r.GradientNorm);
            Assert.Null(r.ValidationLoss);
        });
        Assert.Equal(TimeSpan.Zero, reports.All[^1].Remaining);
        // Means of the last epoch and of the first.
        Assert.True(reports.All[^1].Loss < reports.All.First(r => r.Step == 70).Loss);
    }

    [Fact]
    public void Who_asks_sees_progress_and_a_long_training_leaves_nothing_behind_in_the_context()
    {
        MLContext ml = new(seed: 1);
        List<int> seen = [];
        int reports = 0;
        using VaeTransformer model = ml.Transforms.Generative().Vae(new VaeOptions
        {
            HiddenSizes = [4],
            LatentSize = 2,
            BatchSize = 6,
            Epochs = 40,
            Progress = new Asking(() =>
            {
                if (++reports == 40)
                    seen.Add(ml.TakeProgress().Count);
            }),
        }).Fit(TinyImages.AsImages(ml, 6));
        // Where the training is, not where it has been 40 times.
        Assert.InRange(Assert.Single(seen), 1, 3);
        // Its end.
        Assert.InRange(ml.TakeProgress().Count, 1, 3);
    }

    [Fact]
    public void The_loss_of_a_report_is_the_average_over_its_rows()
    {
        // The weights hardly move; batches of 4 and 1 rows, so the average over rows is not that over batches.
        var reports = new Reports();
        using var regression = new Regression(
            new ToyOptions { BatchSize = 4, GradientAccumulationSteps = 2, MaxSteps = 1, LearningRate = 1e-12, Progress = reports },
            rows: 5);
        using torch.Tensor expected = (regression.Model.call(regression.X) - regression.Y).square().mean();
        regression.Train();
        Assert.Equal(expected.item<float>(), Assert.Single(reports.All).Loss, 1e-5);
    }

    [Fact]
    public void A_report_that_closes_an_epoch_has_its_mean_and_others_a_moving_average()
    {
        // 5 batches of 4 rows and one of 1, whose loss is the number of the step; 200 · 30 steps, so that 30 steps make the average.
        using DisposeScope scope = torch.NewDisposeScope();
        var reports = new Reports();
        var options = new ToyOptions { Epochs = 1_000, Progress = reports };
        var linear = torch.nn.Linear(1, 1);
        using TrainedNetwork network = new("n", linear, options);
        var rows = new RowBatches([torch.ones(21, 1)], 4);
        Toys.Loop(options,
            [new TrainingPhase(network, rows, (step, _) =>
                new Losses(linear.weight!.sum() * 0 + step.Step, ("step", torch.tensor((float)step.Step))))]).Run();

        double sum = 0, weight = 0;
        foreach (int step in Enumerable.Range(1, 6_000))
        {
            int count = step % 6 == 0 ? 1 : 4;
            (sum, weight) = (sum * (1 - 1.0 / 30) + step * count, weight * (1 - 1.0 / 30) + count);
            if (reports.All.Find(r => r.Step == step) is not { } report)
                continue;
            double expected = step % 6 == 0 ? step - (5 + 4 + 3 + 2 + 1) * 4 / 21.0 : sum / weight;
            Assert.Equal(expected, report.Loss, 1e-3);
            Assert.Equal(expected, report.LossTerms["step"], 1e-3);
            Assert.Equal(sum / weight, report.RecentLoss, 1e-3);
            Assert.Equal(sum / weight, report.RecentLossTerms["step"], 1e-3);
        }
    }

    [Fact]
    public void With_several_networks_the_loss_is_the_first_ones()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        var reports = new Reports();
        var options = new ToyOptions { MaxSteps = 1, Progress = reports };
        var one = torch.nn.Linear(1, 1);
        var two = torch.nn.Linear(1, 1);
        using TrainedNetwork first = new("one", one, options), second = new("two", two, options);
        var batches = new NoiseBatches(4, 1, 10);
        Toys.Loop(options,
        [
            new TrainingPhase(first, batches, (_, _) => new Losses(one.weight!.sum() * 0 + 2, ("a", torch.tensor(2f)))),
            new TrainingPhase(second, batches, (_, _) => new Losses(two.weight!.sum() * 0 + 50, ("b", torch.tensor(50f)))),
        ]).Run();
        Assert.Equal(2, reports.All[^1].Loss, 1e-6);
        Assert.Equal(50, reports.All[^1].LossTerms["b"], 1e-6);
    }

    [Fact]
    public void Validation_scores_each_epoch_in_evaluation_mode_without_gradients()
    {
        var reports = new Reports();
        var options = new ToyOptions { BatchSize = 16, Epochs = 3, LearningRate = 0.05, Progress = reports };
        using var regression = new Regression(options);
        var seen = new List<(bool IsTraining, bool Module, bool Gradients)>();
        TrainingPhase phase = regression.Phase with
        {
            Losses = (step, batch) =>
            {
                seen.Add((step.IsTraining, regression.Model.training, torch.is_grad_enabled()));
                return regression.Phase.Losses(step, batch);
            },
        };

        // 5 rows in batches of 4: the mean is over rows.
        using torch.Tensor x = torch.randn(5, 2), y = torch.randn(5, 1);
        Toys.Loop(options, [phase], validation: new RowBatches([x, y], 4)).Run();

        Assert.Equal(Enumerable.Repeat(Enumerable.Repeat((true, true, true), 4).Concat(Enumerable.Repeat((false, false, false), 2)), 3)
            .SelectMany(s => s), seen);
        Assert.All(reports.All, r => Assert.Equal(r.Step % 4 == 0, r.ValidationLoss is not null));
        using torch.Tensor expected = (regression.Model.call(x) - y).square().mean();
        Assert.Equal(expected.item<float>(), reports.All[^1].ValidationLoss!.Value, 1e-5);
    }

    [Fact]
    public void Validation_reports_the_terms_of_all_phases_that_validate()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        var reports = new Reports();
        var ml = new MLContext();
        List<string> lines = Logs.Of(ml);
        var options = new ToyOptions { MaxSteps = 1, LearningRate = 1e-12, Progress = reports };
        torch.nn.Module<torch.Tensor, torch.Tensor> one = torch.nn.Linear(1, 1), two = torch.nn.Linear(1, 1), three = torch.nn.Linear(1, 1);
        using TrainedNetwork first = new("one", one, options), second = new("two", two, options), third = new("three", three, options);
        var noise = new List<(string Phase, float Value)>();
        TrainingPhase Phase(TrainedNetwork network, torch.nn.Module<torch.Tensor, torch.Tensor> module, float value, bool validates) =>
            new(network, new NoiseBatches(4, 1, 10), (step, batch) =>
            {
                if (!step.IsTraining)
                    noise.Add((network.Name, torch.rand(1, generator: step.Generator).item<float>()));
                return new Losses(module.call(batch[0]).sum() * 0 + value, ("half", torch.tensor(value / 2)));
            })
            { Validates = validates };
        var phases = new[] { Phase(first, one, 2, false), Phase(second, two, 8, true), Phase(third, three, 32, false) };
        Toys.Loop(options, phases, ml: ml, validation: new NoiseBatches(4, 1, 2)).Run();

        TrainingProgress report = reports.All[^1];
        Assert.Equal(2, report.ValidationLoss!.Value, 1e-6);
        Assert.Equal(
            new Dictionary<string, double> { ["one.loss"] = 2, ["one.half"] = 1, ["two.loss"] = 8, ["two.half"] = 4 },
            report.ValidationTerms.ToDictionary(t => t.Key, t => Math.Round(t.Value, 5)));
        Assert.Contains(lines, l => l.Contains("validation 2 (one.loss 2, one.half 1, two.loss 8, two.half 4)", StringComparison.Ordinal));

        // Each phase has the same noise as if it were alone.
        Assert.Equal(noise.Where(n => n.Phase == "one").Select(n => n.Value), noise.Where(n => n.Phase == "two").Select(n => n.Value));
        Assert.DoesNotContain(noise, n => n.Phase == "three");
    }

    [Fact]
    public void The_terms_of_one_network_need_no_prefix()
    {
        var reports = new Reports();
        using var regression = new Regression(new ToyOptions { BatchSize = 16, Epochs = 1, Progress = reports });
        regression.Train(validation: new RowBatches([regression.X, regression.Y], 64));
        Assert.Equal(["squared", "bias"], reports.All[^1].ValidationTerms.Keys);
        Assert.Equal(reports.All[^1].ValidationLoss!.Value, reports.All[^1].ValidationTerms["squared"], 1e-6);
        Assert.All(reports.All[..^1], r => Assert.Empty(r.ValidationTerms));
    }

    [Fact]
    public void Validation_scores_the_moving_average_and_changes_no_weights()
    {
        var reports = new Reports();
        ToyOptions Options(Reports? progress) => new() { BatchSize = 16, Epochs = 3, EmaDecay = 0.9, Progress = progress };
        using Regression without = new Regression(Options(null), dropout: 0.3).Train();
        using var with = new Regression(Options(reports), dropout: 0.3);
        with.Train(validation: new RowBatches([with.X, with.Y], 64));

        Assert.Equal(without.Weights, with.Weights);
        using torch.Tensor expected = (with.Model.call(with.X) - with.Y).square().mean();
        Assert.Equal(expected.item<float>(), reports.All[^1].ValidationLoss!.Value, 1e-5);
    }

    [Fact]
    public void Validation_uses_the_same_noise_in_each_epoch()
    {
        var draws = new List<float>();
        using var regression = new Regression(new ToyOptions { BatchSize = 64, Epochs = 3 });
        TrainingPhase phase = regression.Phase with
        {
            Losses = (step, batch) =>
            {
                if (!step.IsTraining)
                    draws.Add(torch.rand([1], generator: step.Generator).item<float>() + torch.rand(1).item<float>());
                return regression.Phase.Losses(step, batch);
            },
        };
        Toys.Loop(regression.Options, [phase], validation: new RowBatches([regression.X, regression.Y], 32)).Run();
        Assert.Equal(6, draws.Count);
        Assert.Equal(draws[..2], draws[2..4]);
        Assert.Equal(draws[..2], draws[4..]);
        Assert.NotEqual(draws[0], draws[1]);
    }

    [Fact]
    public void The_log_tells_network_device_and_each_epoch()
    {
        var ml = new MLContext(seed: 1);
        List<string> lines = Logs.Of(ml);
        using var regression = new Regression(new ToyOptions { BatchSize = 16, Epochs = 2 });
        regression.Train(ml: ml, validation: new RowBatches([regression.X, regression.Y], 64));

        Assert.Contains(lines, l => l.Contains("'regression' on cpu") && l.Contains("3 parameters") && l.Contains("8 steps"));
        Assert.Contains(
            lines, l => l.Contains("epoch 1, step 4/8") && l.Contains("squared ") && l.Contains("validation ") && l.Contains("rows/s"));
        Assert.Contains(lines, l => l.Contains("epoch 2, step 8/8") && l.Contains("00:00:00 left"));
    }

    [Fact]
    public void Slow_steps_are_reported_by_time()
    {
        // 2,000 steps would be reported every tenth.
        var reports = new Reports();
        using var source = new CancellationTokenSource();
        var clock = new ManualClock();
        using var regression = new Regression(
            new ToyOptions { BatchSize = 1, MaxSteps = 2_000, Progress = reports, CancellationToken = source.Token });
        TrainingPhase phase = regression.Phase with
        {
            Losses = (step, batch) =>
            {
                clock.Now += TimeSpan.FromMilliseconds(step.Step is 5 or 6 ? 1_050 : 1);
                if (step.Step == 8)
                    source.Cancel();
                return regression.Phase.Losses(step, batch);
            },
        };
        Assert.ThrowsAny<OperationCanceledException>(() => (Toys.Loop(regression.Options, [phase]) with { Clock = clock }).Run());
        Assert.Equal([1, 2, 4, 5, 6, 8], reports.All.Select(r => r.Step));
        // The pace after step 1, of three quick steps and two slow ones.
        Assert.Equal(1_994 * (3 * 0.001 + 2 * 1.05) / 5, reports.All[4].Remaining.TotalSeconds, 1e-3);
    }

    [Fact]
    public void A_line_of_the_log_has_less_than_120_characters()
    {
        var terms = Enumerable.Range(0, 12).ToDictionary(i => $"a rather long term {i}", i => 1.0 / (i + 3));
        string Line(int count, bool isValidated) => TrainingMeter.Describe(new TrainingProgress
        {
            Stage = "autoencoder",
            Step = 123_456,
            TotalSteps = 1_234_567,
            Epoch = 12,
            Loss = 1 / 3.0,
            LossTerms = terms.Take(count).ToDictionary(),
            ValidationLoss = isValidated ? 2 / 3.0 : null,
            ValidationTerms = isValidated ? terms.Take(count).ToDictionary() : [],
            LearningRate = 1,
            SamplesPerSecond = 12_345,
            SampleUnit = "tokens",
            Elapsed = TimeSpan.Zero,
            Remaining = TimeSpan.FromSeconds(100 * 3_600 + 62),
            Device = "cpu",
        });
        Assert.Equal("autoencoder, epoch 12, step 123456/1234567: loss 0.333333, 12,345 tokens/s, 100:01:02 left", Line(0, false));
        Assert.Equal(
            "autoencoder, epoch 12, step 123456/1234567: loss 0.333333, validation 0.666667, 12,345 tokens/s, 100:01:02 left",
            Line(12, true));
        for (int count = 0; count <= 12; count++)
        {
            Assert.InRange(Line(count, false).Length, 80, 119);
            Assert.InRange(Line(count, true).Length, 80, 119);
        }
    }

    private sealed class Asking(Action ask) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => ask();
    }
}
