using System.Diagnostics;
using Microsoft.ML.Generative.Training;
using TorchSharp;
using TorchSharp.Modules;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class TrainingLoopStopTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Cancelling_stops_within_a_step(bool byToken)
    {
        var ml = new MLContext(seed: 1);
        using var source = new CancellationTokenSource();
        var options = new ToyOptions { BatchSize = 16, Epochs = 100, CancellationToken = source.Token };
        using var regression = new Regression(options);
        int calls = 0;
        TrainingPhase phase = regression.Phase with
        {
            Losses = (step, batch) =>
            {
                if (++calls == 7)
                {
                    if (byToken)
                        source.Cancel();
                    else
                        ml.CancelExecution();
                }

                return regression.Phase.Losses(step, batch);
            },
        };

        Assert.ThrowsAny<OperationCanceledException>(() => Toys.Loop(options, [phase], ml: ml).Run());
        Assert.Equal(7, calls);
        Assert.Equal(7, regression.Network.Steps);
    }

    [Fact]
    public void Cancelling_stops_a_validation()
    {
        using var source = new CancellationTokenSource();
        var options = new ToyOptions { BatchSize = 64, CancellationToken = source.Token };
        using var regression = new Regression(options);
        int scored = 0;
        TrainingPhase phase = regression.Phase with
        {
            Losses = (step, batch) =>
            {
                if (!step.IsTraining && ++scored == 2)
                    source.Cancel();
                return regression.Phase.Losses(step, batch);
            },
        };
        Assert.ThrowsAny<OperationCanceledException>(() =>
            Toys.Loop(options, [phase], validation: new RowBatches([regression.X, regression.Y], 4)).Run());
        Assert.Equal(2, scored);
    }

    [Fact]
    public void A_loss_that_is_not_finite_names_the_step_and_leaves_the_weights()
    {
        using var regression = new Regression(new ToyOptions { BatchSize = 16, GradientAccumulationSteps = 2, Epochs = 10 });
        int calls = 0;
        float[] last = [];
        TrainingPhase phase = regression.Phase with
        {
            Losses = (step, batch) =>
            {
                // The second batch of step 5.
                last = regression.Weights;
                Losses losses = regression.Phase.Losses(step, batch);
                return ++calls < 10 ? losses : new Losses(
                    losses.Total / 0, ("odd", losses.Total * double.NaN), ("even", torch.tensor(2.5)));
            },
        };

        var error = Assert.Throws<InvalidOperationException>(() => Toys.Loop(regression.Options, [phase]).Run());
        Assert.Contains("'regression'", error.Message);
        Assert.Contains("in step 5 (total Infinity, odd NaN, even 2.5)", error.Message);
        Assert.Contains("learning rate 0.001", error.Message);
        Assert.Contains("set GradientClipNorm", error.Message);
        Assert.Equal(last, regression.Weights);
        Assert.Equal(4, regression.Network.Steps);
    }

    [Fact]
    public void A_gradient_that_is_not_finite_stops_a_clipped_training_before_its_update()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Linear model = torch.nn.Linear(1, 1);
        float[] before = Toys.Numbers(model);
        var options = new ToyOptions { MaxSteps = 3, GradientClipNorm = 1 };
        using var network = new TrainedNetwork("n", model, options);

        // The root is 0 with an infinite slope.
        var phase = new TrainingPhase(
            network, new NoiseBatches(2, 1, 3), (_, batch) => new Losses((model.call(batch[0]) * 0).abs().sqrt().mean()));
        var error = Assert.Throws<InvalidOperationException>(() => Toys.Loop(options, [phase]).Run());
        Assert.Contains("The gradient of 'n' stopped being finite in step 1", error.Message);
        Assert.Equal(before, Toys.Numbers(model));
    }

    [Fact]
    public void Two_thousand_steps_leave_no_tensor_and_no_memory_behind()
    {
        var live = new Dictionary<long, long>();
        var memory = new Dictionary<long, long>();
        var options =
            new ToyOptions { BatchSize = 64, MaxSteps = 2300, Threads = 1, EmaDecay = 0.99, GradientClipNorm = 1, WeightDecay = 0.1 };
        using DisposeScope outer = torch.NewDisposeScope();
        Sequential model = torch.nn.Sequential(torch.nn.Linear(64, 512), torch.nn.ReLU(), torch.nn.Dropout(0.1), torch.nn.Linear(512, 8));
        using var network = new TrainedNetwork("n", model, options);
        var phase = new TrainingPhase(network, new NoiseBatches(64, 64, 100), (step, batch) =>
        {
            if (step.Step is 300 or 2300 && step.IsTraining)
            {
                live[step.Step] = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
                using var process = Process.GetCurrentProcess();
                memory[step.Step] = process.WorkingSet64;
            }

            torch.Tensor output = model.call(batch[0]);
            return new Losses(output.square().mean(), ("mean", output.mean()));
        });
        Toys.Loop(options, [phase], validation: new NoiseBatches(64, 64, 2)).Run();

        Assert.Equal(live[300], live[2300]);

        // One step's activations are 0.5 MB: leaking one of them in each step would be 260 MB; the rest of the process may take some.
        Assert.InRange(memory[2300] - memory[300], long.MinValue, 100 << 20);
    }
}
