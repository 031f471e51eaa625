using System.Reflection;

namespace Microsoft.ML.Generative.Tests;

/// <summary>What every estimator promises of steps that are made of several batches.</summary>
public abstract partial class EstimatorConformity<TTransformer>
{
    /// <summary>
    /// Whether a row's gradient does not depend on the other rows of its batch, as it does with batch normalization, minibatch standard
    /// deviation and free bits.
    /// </summary>
    protected virtual bool RowsAreIndependent => true;

    [Fact]
    public void Several_batches_of_one_step_train_as_one_batch_of_all_their_rows()
    {
        MLContext ml = new(seed: 1);
        IDataView data = CreateData(ml);
        Dictionary<string, float[]> Train(int batchSize, int batches)
        {
            using TTransformer model = CreateEstimator(ml, o =>
            {
                (o.BatchSize, o.GradientAccumulationSteps, o.MaxSteps, o.Seed) = (batchSize, batches, 2, 3);
                (o.Precision, o.EmaDecay, o.GradientClipNorm) = (ComputePrecision.Float32, null, null);
                // Adam would turn the rounding of gradients next to 0 into whole steps.
                (o.Optimizer, o.LearningRate, o.WarmupSteps) = (OptimizerKind.Sgd, 0.01, 0);
                foreach (PropertyInfo dropout in o.GetType().GetProperties().Where(p => p.Name == "Dropout"))
                    dropout.SetValue(o, 0.0);
                foreach (PropertyInfo steps in o.GetType().GetProperties().Where(p => p.Name == "PriorMaxSteps"))
                    steps.SetValue(o, 2L);
            }).Fit(data);
            return State(model);
        }

        Dictionary<string, float[]> one = Train(8, 1), several = Train(2, 4);
        Assert.Equal(one.Keys, several.Keys);
        if (!RowsAreIndependent)
            return;
        foreach (string name in one.Keys)
        {
            double scale = one[name].Max(v => Math.Abs((double)v));
            double distance = one[name].Zip(several[name], (a, b) => Math.Abs((double)a - b)).Max();
            Assert.True(distance <= 1e-4 * scale + 1e-6, $"{name} differs by {distance:G3} from values up to {scale:G3}.");
        }
    }
}
