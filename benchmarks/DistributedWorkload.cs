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
        options.Distributed = processes == 1 ? null : new DistributedOptions();
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
        };
    }

    private static (TrainingOptions Options, Action Fit) Training(MLContext ml, string model)
    {
        switch (model)
        {
            case "gpt":
                (LanguageModelOptions gpt, IDataView text) = GptWorkload.Training(ml);
                return (gpt, () => ml.Transforms.Generative().LanguageModel(gpt).Fit(text).Dispose());
            case "ddpm":
                (DiffusionOptions ddpm, IDataView images) = DiffusionWorkload.Training(ml);
                return (ddpm, () => ml.Transforms.Generative().Diffusion(ddpm).Fit(images).Dispose());
            case "vae":
                (VaeOptions vae, IDataView digits) = VaeWorkload.Training(ml);
                return (vae, () => ml.Transforms.Generative().Vae(vae).Fit(digits).Dispose());
            default:
                throw new ArgumentException($"--data is '{model}'; expected gpt, ddpm or vae.");
        }
    }

    private static int? Number(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out int value) ? value : null;
}
