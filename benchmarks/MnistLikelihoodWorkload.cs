using System.Diagnostics;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Evaluation;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// Dynamically binarized MNIST: −ELBO and −log p(x) (importance-weighted, 200 draws) on 5,000 test images, the time of the training, and
/// how well a linear model tells the digits by the latent means.
/// </summary>
internal static class MnistLikelihoodWorkload
{
    public static object Run(BenchmarkSettings settings)
    {
        var ml = new MLContext(seed: 1);
        DataOperationsCatalog.TrainTestData data = ml.Generative().Datasets.Mnist();
        IDataView test = ml.Data.TakeRows(data.TestSet, 5000);
        var options = new VaeOptions
        {
            LatentSize = 40,
            HiddenSizes = [500, 500],
            DynamicBinarization = true,
            BatchSize = settings.BatchSize,
            Epochs = settings.Epochs,
            LearningRate = settings.LearningRate,
            ImportanceSamples = settings.ImportanceSamples,
            Precision = settings.Precision,
            Threads = settings.Threads,
            EmaDecay = settings.EmaDecay,
            ValidationData = test,
            Progress = new EpochLines(),
        };

        var watch = Stopwatch.StartNew();
        using VaeTransformer model = ml.Transforms.Generative().Vae(options).Fit(data.TrainSet);
        double seconds = watch.Elapsed.TotalSeconds;
        VaeMetrics metrics = ml.Generative().EvaluateVaeLikelihood(model, test, importanceSamples: 200, seed: 1);
        return new
        {
            workload = "mnist-nll",
            epochs = settings.Epochs,
            learning_rate = settings.LearningRate,
            batch = settings.BatchSize,
            importance_samples = settings.ImportanceSamples,
            precision = settings.Precision.ToString(),
            ema_decay = settings.EmaDecay,
            test_negative_elbo = Math.Round(metrics.NegativeElbo, 2),
            test_nll_200 = Math.Round(metrics.NegativeLogLikelihood!.Value, 2),
            active_units = metrics.ActiveUnits,
            linear_probe = Math.Round(LinearProbe(ml, model.Transform(data.TrainSet), model.Transform(test)), 4),
            fit_seconds = Math.Round(seconds, 1),
        };
    }

    // Multinomial logistic regression on the latent means.
    private static double LinearProbe(MLContext ml, IDataView train, IDataView test)
    {
        var trainer = ml.Transforms.Conversion.MapValueToKey("Class", "Label")
            .Append(ml.MulticlassClassification.Trainers.LbfgsMaximumEntropy("Class", "Latent"));
        return ml.MulticlassClassification.Evaluate(trainer.Fit(train).Transform(test), "Class").MicroAccuracy;
    }

    private sealed class EpochLines : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if (value.ValidationLoss is { } loss)
            {
                Console.Error.WriteLine(FormattableString.Invariant(
                    $"epoch {value.Epoch} {value.Elapsed.TotalSeconds:F0} s: loss {value.Loss:F2} validation {loss:F2}"));
            }
        }
    }
}
