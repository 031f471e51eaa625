using System.Reflection;

namespace Microsoft.ML.Generative.Tests;

/// <summary>What every estimator promises of a training in several processes.</summary>
public abstract partial class EstimatorConformity<TTransformer>
{
    [Fact]
    public void Two_processes_train_as_one_with_twice_as_many_batches_in_a_step()
    {
        // Of 7 rows each: the last step of an epoch has fewer batches than there are processes, or a short one.
        Dictionary<string, float[]> Train(MLContext ml, DistributedOptions? distributed, int batches, Reports? reports)
        {
            IDataView data = CreateData(ml);
            using TTransformer model = CreateEstimator(ml, o =>
            {
                (o.BatchSize, o.GradientAccumulationSteps, o.Epochs, o.MaxSteps, o.Seed) = (7, batches, 2, null, 3);
                (o.Precision, o.EmaDecay, o.Threads, o.GradientClipNorm) = (ComputePrecision.Float32, 0.5, 1, 1);
                // Adam would turn the rounding of gradients next to 0 into whole steps.
                (o.Optimizer, o.LearningRate, o.WarmupSteps) = (OptimizerKind.Sgd, 0.01, 0);
                (o.ValidationData, o.Distributed, o.Progress) = (data, distributed, reports);
                foreach (PropertyInfo steps in o.GetType().GetProperties().Where(p => p.Name == "PriorMaxSteps"))
                    steps.SetValue(o, 2L);
            }).Fit(data);
            return State(model);
        }

        string? refusal = null;
        CreateEstimator(new MLContext(), o => refusal = o.WhyNotDistributed);
        if (refusal is not null)
        {
            var error = Assert.Throws<ArgumentException>(
                () => CreateEstimator(new MLContext(), o => o.Distributed = new DistributedOptions()));
            Assert.Contains($"{nameof(TrainingOptions.Distributed)} cannot be used: {refusal}", error.Message);
            return;
        }

        var one = new Reports();
        Reports[] reports = [new(), new()];
        Dictionary<string, float[]> expected = Train(new MLContext(seed: 1), null, 2, one);
        Dictionary<string, float[]>[] models = ThreadProcesses.Results(2, transport => Train(
            new MLContext(seed: 1), new DistributedOptions { Transport = transport, Timeout = TimeSpan.FromMinutes(1) }, 1,
            reports[transport.Rank]));
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
}
