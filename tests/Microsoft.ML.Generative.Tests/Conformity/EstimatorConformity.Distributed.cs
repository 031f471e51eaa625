using System.Reflection;
using Microsoft.ML.Generative.Training.Distributed;

namespace Microsoft.ML.Generative.Tests;

/// <summary>A training that one or several processes take part in.</summary>
internal interface IProcessConformity
{
    /// <summary>Trains, and returns the model's weights.</summary>
    /// <param name="distributed">The processes; <see langword="null"/>: this one alone.</param>
    /// <param name="batches">The batches of this process in a step.</param>
    /// <param name="steps">Steps by AdamW; <see langword="null"/>: two epochs by stochastic gradient descent.</param>
    /// <param name="reports">Receives the reports.</param>
    Dictionary<string, float[]> Train(DistributedOptions? distributed, int batches, long? steps = null, Reports? reports = null);
}

/// <summary>What every estimator promises of a training in several processes.</summary>
public abstract partial class EstimatorConformity<TTransformer> : IProcessConformity
{
    /// <summary>The rows of a batch: the last step of an epoch has fewer batches than there are processes, or a short one.</summary>
    protected virtual int BatchSizeOfProcess => 7;

    // Each matrix is a bucket of its own: one that is exchanged before its gradient is complete would show here.
    [Fact]
    public void Two_processes_train_as_one_with_twice_as_many_batches_in_a_step()
    {
        IProcessConformity training = this;
        var one = new Reports();
        Reports[] reports = [new(), new()];
        Dictionary<string, float[]> expected = training.Train(null, 2, reports: one);
        Dictionary<string, float[]>[] models = ThreadProcesses.Results(2, transport => training.Train(
            new DistributedOptions { Transport = transport, Timeout = TimeSpan.FromMinutes(1), BucketSize = 1 }, 1,
            reports: reports[transport.Rank]));
        Assert.Empty(reports[1].All);
        Assert.Equal(one.All.Where(r => r.ValidationLoss is not null).Select(r => r.Step), Validated().Select(r => r.Step));
        foreach ((TrainingProgress a, TrainingProgress b) in one.All.Where(r => r.ValidationLoss is not null).Zip(Validated()))
        {
            Assert.Equal(a.Loss, b.Loss, 1e-4 * Math.Abs(a.Loss) + 1e-5);
            Assert.Equal(a.ValidationLoss!.Value, b.ValidationLoss!.Value, 1e-4 * Math.Abs(a.ValidationLoss.Value) + 1e-5);
        }

        Assert.Equal(expected.Keys, models[0].Keys);
        foreach ((string name, float[] values) in expected)
        {
            Assert.Equal(models[0][name], models[1][name]);
            double scale = values.Max(v => Math.Abs((double)v));
            double distance = values.Zip(models[0][name], (a, b) => Math.Abs((double)a - b)).Max();
            Assert.True(distance <= 1e-4 * scale + 1e-6, $"{name} differs by {distance:G3} from values up to {scale:G3}.");
        }

        IEnumerable<TrainingProgress> Validated() => reports[0].All.Where(r => r.ValidationLoss is not null);
    }

    Dictionary<string, float[]> IProcessConformity.Train(
        DistributedOptions? distributed, int batches, long? steps, Reports? reports)
    {
        MLContext ml = new(seed: 1);
        IDataView data = CreateData(ml);
        using TTransformer model = CreateEstimator(ml, o =>
        {
            (o.BatchSize, o.GradientAccumulationSteps, o.Epochs, o.MaxSteps, o.Seed) = (BatchSizeOfProcess, batches, 2, steps, 3);
            (o.Precision, o.EmaDecay, o.Threads, o.GradientClipNorm) = (ComputePrecision.Float32, 0.5, 1, 1);
            // Adam would turn the rounding of gradients next to 0 into whole steps.
            (o.Optimizer, o.LearningRate, o.WarmupSteps) = (OptimizerKind.Sgd, 0.01, 0);
            if (steps is not null)
                (o.Optimizer, o.LearningRate) = (OptimizerKind.AdamW, 1e-3);
            (o.ValidationData, o.Distributed, o.Progress) = (data, distributed, reports);
            foreach (PropertyInfo prior in o.GetType().GetProperties().Where(p => p.Name == "PriorMaxSteps"))
                prior.SetValue(o, steps ?? 2);
        }).Fit(data);
        return State(model);
    }
}
