using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Generative;
using TorchSharp;

/// <summary>One of the processes of a training.</summary>
internal static class DistributedTraining
{
    /// <summary>Trains on rows that are read in each epoch.</summary>
    /// <param name="file">The file for what the trained model computes, without the process's number.</param>
    /// <param name="action">What process 1 does in its second epoch, <c>throw</c> or <c>kill</c>, or <c>train</c>.</param>
    /// <param name="checkpoints">The folder for checkpoints after each step, or <see langword="null"/>.</param>
    /// <param name="epochs">The epochs.</param>
    public static void Run(string file, string action, string? checkpoints, int epochs)
    {
        string? number = Environment.GetEnvironmentVariable("OMPI_COMM_WORLD_RANK") ?? Environment.GetEnvironmentVariable("PMI_RANK");
        int rank = int.Parse(number ?? "0", CultureInfo.InvariantCulture);
        int passes = 0;
        var ml = new MLContext();
        IDataView rows = ml.Data.LoadFromEnumerable(Enumerable.Range(0, 3000).Select(i =>
        {
            var random = new Random(i);
            return new Row { Features = [.. Enumerable.Range(0, Row.Size).Select(_ => random.NextSingle())] };
        }).ToArray());
        // The first pass finds that the rows do not fit the memory budget, the second counts them, and each epoch has one.
        IDataView watched = ml.Data.FilterByCustomPredicate(rows, (Row row) =>
        {
            if (row.Features[0] == First && ++passes > 3 && rank == 1 && action != "train")
                Break(action);
            return false;
        });
        var options = new VaeOptions
        {
            InputColumnName = nameof(Row.Features),
            HiddenSizes = [16],
            LatentSize = 4,
            BatchSize = 250,
            Epochs = epochs,
            Seed = 4,
            Threads = 1,
            Shuffle = false,
            Optimizer = OptimizerKind.Sgd,
            LearningRate = 1e-3,
            MemoryBudget = 1 << 20,
            Checkpoints = checkpoints is null ? null : new CheckpointOptions(checkpoints) { Steps = 1, Keep = 2 },
            GradientAccumulationSteps = number is null ? 2 : 1,
            // Each matrix is a bucket, so that processes end while gradients are on their way.
            Distributed = number is null ? null : new DistributedOptions { Timeout = TimeSpan.FromSeconds(30), BucketSize = 1 },
        };
        using VaeTransformer model = ml.Transforms.Generative().Vae(options).Fit(watched);
        // A launcher may give each process one core: libtorch would have other threads, and other sums, than in a process alone.
        torch.set_num_threads(1);
        float[] latent = [.. model.Transform(ml.Data.TakeRows(rows, 10)).GetColumn<float[]>("Latent").SelectMany(v => v)];
        File.WriteAllBytes($"{file}.{rank}", MemoryMarshal.AsBytes<float>(latent).ToArray());
    }

    private static float First { get; } = new Random(0).NextSingle();

    private static void Break(string action)
    {
        if (action == "kill")
            Process.GetCurrentProcess().Kill();
        throw new InvalidDataException("Thrown on purpose.");
    }
}
