using System.Diagnostics;
using System.Globalization;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// Rows per second of a training in the processes that <c>mpirun</c> has started, or in this one alone; <c>eng/measure-distributed.sh</c>
/// compares them.
/// </summary>
internal static class DistributedWorkload
{
    public static object Run(BenchmarkSettings settings)
    {
        int processes = Number("OMPI_COMM_WORLD_SIZE") ?? 1, rank = Number("OMPI_COMM_WORLD_RANK") ?? 0;
        var ml = new MLContext(seed: 1);
        using var stopping = new CancellationTokenSource();
        var clock = new StepClock(stopping, settings.Seconds);
        (TrainingOptions options, Action fit) = Training(ml, settings.Data);
        (options.MaxSteps, options.Precision, options.Threads) = (long.MaxValue / 1000, ComputePrecision.Float32, settings.Threads);
        (options.Progress, options.CancellationToken, options.Seed) = (clock, stopping.Token, 1);
        DistributedOptions? distributed = processes == 1 ? null : new DistributedOptions();
        if (distributed is not null && settings.BucketSize is { } bytes)
            distributed.BucketSize = bytes;
        options.Distributed = distributed;
        var watch = Stopwatch.StartNew();
        try
        {
            fit();
        }
        catch (OperationCanceledException)
        {
            // The clock has seen enough.
        }

        return rank > 0 ? new { workload = "distributed", process = rank } : new
        {
            workload = "distributed",
            model = settings.Data,
            processes,
            threads = settings.Threads,
            steps = clock.Steps,
            rows_per_s = Math.Round(clock.StepsPerSecond * options.BatchSize * processes, 1),
            bucket_bytes = distributed?.BucketSize,
            exchange_share = distributed is null ? (double?)null : Math.Round(distributed.Times.Exchanged / watch.Elapsed.TotalSeconds, 3),
            hidden_share = distributed is null ? (double?)null : Math.Round(distributed.Times.HiddenShare, 3),
        };
    }

    private static (TrainingOptions Options, Action Fit) Training(MLContext ml, string model)
    {
        switch (model)
        {
            case "gpt":
                (LanguageModelOptions gpt, IDataView text) = GptWorkload.Training(ml);
                return (gpt, () => ml.Transforms.Generative().LanguageModel(gpt).Fit(text).Dispose());
            case "gpt-10m":
                (LanguageModelOptions larger, IDataView same) = GptWorkload.Training(ml);
                larger.Architecture = larger.Architecture! with { Layers = 6, Heads = 6, EmbeddingSize = 384 };
                return (larger, () => ml.Transforms.Generative().LanguageModel(larger).Fit(same).Dispose());
            case "ddpm":
                (DiffusionOptions ddpm, IDataView images) = DiffusionWorkload.Training(ml);
                return (ddpm, () => ml.Transforms.Generative().Diffusion(ddpm).Fit(images).Dispose());
            case "vae":
                (VaeOptions vae, IDataView digits) = VaeWorkload.Training(ml);
                return (vae, () => ml.Transforms.Generative().Vae(vae).Fit(digits).Dispose());
            default:
                throw new ArgumentException($"--data is '{model}'; expected gpt, gpt-10m, ddpm or vae.");
        }
    }

    private static int? Number(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out int value) ? value : null;
}
