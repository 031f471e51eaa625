using Microsoft.ML.Generative.Training;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class EarlyStoppingTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // Validation losses by epoch, whatever the network does; the weights at each epoch's validation.
    private static (TrainingPhase Phase, List<float[]> AtEpoch) Scripted(Regression regression, params double[] losses)
    {
        var weights = new List<float[]>();
        int epoch = 0;
        return (regression.Phase with
        {
            Losses = (step, batch) =>
            {
                if (step.IsTraining)
                    return regression.Phase.Losses(step, batch);
                weights.Add(regression.Weights);
                return new Losses(torch.tensor(losses[epoch++]));
            },
        }, weights);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(0.8)]
    public void Training_stops_after_patience_and_has_the_best_epochs_weights(double? emaDecay)
    {
        var reports = new Reports();
        using var regression = new Regression(new ToyOptions
        {
            BatchSize = 16,
            Epochs = 50,
            EarlyStoppingPatience = 3,
            EmaDecay = emaDecay,
            Progress = reports,
            ValidationData = new MLContext().Data.LoadFromEnumerable<object>([]),
        });
        var (phase, weights) = Scripted(regression, 5, 4, 2, 3, 2, 2.5, 1);
        Toys.Loop(regression.Options, [phase], validation: new RowBatches([regression.X, regression.Y], 64)).Run();

        // Epoch 3 was best; an equal loss in epoch 5 is not better; epoch 6 is the third without progress.
        Assert.Equal(6, weights.Count);
        Assert.Equal(6, reports.All[^1].Epoch);
        Assert.Equal(weights[2], regression.Weights);
        Assert.NotEqual(weights[5], regression.Weights);
    }

    [Fact]
    public void The_best_epoch_counts_also_when_no_patience_ran_out()
    {
        using var regression = new Regression(new ToyOptions
        {
            BatchSize = 16,
            Epochs = 4,
            EarlyStoppingPatience = 9,
            ValidationData = new MLContext().Data.LoadFromEnumerable<object>([]),
        });
        var (phase, weights) = Scripted(regression, 5, 1, 2, 3);
        Toys.Loop(regression.Options, [phase], validation: new RowBatches([regression.X, regression.Y], 64)).Run();
        Assert.Equal(weights[1], regression.Weights);
    }

    [Fact]
    public void Resuming_after_the_best_epoch_restores_it_too()
    {
        using var source = new CancellationTokenSource();
        ToyOptions Options(CancellationToken token) => new()
        {
            BatchSize = 16,
            Epochs = 50,
            EarlyStoppingPatience = 2,
            ValidationData = new MLContext().Data.LoadFromEnumerable<object>([]),
            CancellationToken = token,
            Progress = new Reports { OnReport = r => CancelAt(r.Step) },
            Checkpoints = new CheckpointOptions(_folder.Path) { Steps = 1 },
        };
        void CancelAt(long step)
        {
            if (step == 10)
                source.Cancel();
        }

        using var cut = new Regression(Options(source.Token));
        var (phase, weights) = Scripted(cut, 5, 2);
        var validation = new RowBatches([cut.X, cut.Y], 64);
        Assert.ThrowsAny<OperationCanceledException>(() => Toys.Loop(cut.Options, [phase], validation: validation).Run());

        using var resumed = new Regression(Options(default));
        var (rest, later) = Scripted(resumed, 3, 4);
        Toys.Loop(resumed.Options, [rest], validation: validation).Run();
        Assert.Equal(2, later.Count);
        Assert.Equal(weights[1], resumed.Weights);

        using var finished = new Regression(Options(default));
        Toys.Loop(finished.Options, [finished.Phase], validation: validation).Run();
        Assert.Equal(weights[1], finished.Weights);
    }

    [Fact]
    public void Patience_without_validation_data_is_refused()
    {
        var error = Assert.Throws<ArgumentException>(() => new ToyOptions { EarlyStoppingPatience = 2 }.ValidateForTraining());
        Assert.Contains("EarlyStoppingPatience is 2, but there is no ValidationData", error.Message);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Cancelling_can_keep_the_best_model_so_far(bool hasValidation)
    {
        using var source = new CancellationTokenSource();
        float[] atCancel = [];
        Regression? training = null;
        var options = new ToyOptions
        {
            BatchSize = 16,
            Epochs = 50,
            OnCancel = CancellationBehavior.KeepBest,
            CancellationToken = source.Token,
            Progress = new Reports { OnReport = r => CancelAt(r.Step) },
        };
        void CancelAt(long step)
        {
            if (step != 14)
                return;
            source.Cancel();
            atCancel = training!.Weights;
        }

        using var regression = training = new Regression(options);
        var (phase, weights) = Scripted(regression, 5, 2, 3);
        Toys.Loop(options, [phase], validation: hasValidation ? new RowBatches([regression.X, regression.Y], 64) : null).Run();
        Assert.Equal(hasValidation ? weights[1] : atCancel, regression.Weights);
        Assert.False(regression.Model.training);
    }

    [Fact]
    public void Cancelled_before_its_first_step_there_is_no_model_to_keep()
    {
        var options =
            new ToyOptions { OnCancel = CancellationBehavior.KeepBest, CancellationToken = new CancellationToken(canceled: true) };
        using var regression = new Regression(options);
        Assert.ThrowsAny<OperationCanceledException>(() => regression.Train());
    }
}
