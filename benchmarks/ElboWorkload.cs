using System.Diagnostics;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Evaluation;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>Test −ELBO and wall time of a whole training on real images, pixels as probabilities.</summary>
internal static class ElboWorkload
{
    /// <summary>PyTorch's example: 784-400-20-400-784, batch 128, Adam 1e-3, 10 epochs.</summary>
    public static VaeOptions Reference() => new()
    {
        LatentSize = 20,
        HiddenSizes = [400],
        BatchSize = 128,
        Epochs = 10,
        LearningRate = 1e-3,
        Beta2 = 0.999,
        LearningRateSchedule = LearningRateSchedule.Constant,
        WarmupSteps = 0,
    };

    public static object Run(BenchmarkSettings settings)
    {
        var ml = new MLContext(seed: 1);
        DataOperationsCatalog.TrainTestData data = settings.Data == "mnist"
            ? ml.Generative().Datasets.Mnist()
            : ml.Generative().Datasets.FashionMnist();

        VaeOptions options = settings.Preset == "default"
            ? new VaeOptions()
            : Reference();
        options.Threads = settings.Threads;

        var watch = Stopwatch.StartNew();
        using VaeTransformer model = ml.Transforms.Generative().Vae(options).Fit(data.TrainSet);
        double seconds = watch.Elapsed.TotalSeconds;
        VaeMetrics test = ml.Generative().EvaluateVae(model.Transform(data.TestSet));
        return new
        {
            workload = "elbo",
            data = settings.Data,
            preset = settings.Preset,
            test_negative_elbo = Math.Round(test.NegativeElbo, 2),
            test_reconstruction = Math.Round(test.ReconstructionError, 2),
            test_kl = Math.Round(test.KlDivergence, 2),
            fit_seconds = Math.Round(seconds, 1),
        };
    }
}
