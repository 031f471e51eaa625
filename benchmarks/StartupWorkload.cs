using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// From the start of a process to the first step of a small training (a VAE of 64 rows), in processes of their own: the runtime, ML.NET up
/// to Fit, and libtorch with the first step; and the same where libtorch is preloaded.
/// </summary>
internal static class StartupWorkload
{
    private const int Rows = 64;

    public static object Run(BenchmarkSettings settings)
    {
        int processes = Math.Max(3, settings.Stream.Rounds);
        var plain = new List<JsonObject>();
        var preloaded = new List<JsonObject>();
        // In turns, so that a disturbance meets both.
        for (int i = 0; i < processes; i++)
        {
            plain.Add(ChildRun.Measure("startup-once"));
            preloaded.Add(ChildRun.Measure("startup-preloaded"));
        }

        return new { workload = "startup", processes, plain = Medians(plain), preloaded = Medians(preloaded) };
    }

    public static object RunOnce(BenchmarkSettings settings) => Train(settings, "startup-once", preloads: false);

    public static object RunPreloaded(BenchmarkSettings settings) => Train(settings, "startup-preloaded", preloads: true);

    private static object Train(BenchmarkSettings settings, string name, bool preloads)
    {
        using var process = Process.GetCurrentProcess();
        double Elapsed() => Math.Round((DateTime.Now - process.StartTime).TotalSeconds, 3);
        double program = Elapsed();
        if (preloads)
            TorchRuntime.Preload();
        double step = 0;
        var ml = new MLContext(seed: 1);
        var options = new VaeOptions
        {
            BatchSize = Rows,
            MaxSteps = 1,
            Threads = settings.Threads,
            Progress = new Reported(_ => step = Elapsed()),
        };
        IDataView rows = RandomRows.Bytes(ml, Rows);
        VaeEstimator estimator = ml.Transforms.Generative().Vae(options);
        double fit = Elapsed();
        estimator.Fit(rows).Dispose();
        process.Refresh();
        return new
        {
            workload = name,
            seconds_to_program = program,
            seconds_to_fit = fit,
            seconds_to_first_step = step,
            seconds_of_processors = Math.Round(process.TotalProcessorTime.TotalSeconds, 3),
        };
    }

    private static object Medians(List<JsonObject> runs)
    {
        return new
        {
            seconds_to_program = Median("seconds_to_program"),
            seconds_to_fit = Median("seconds_to_fit"),
            seconds_to_first_step = Median("seconds_to_first_step"),
            seconds_of_processors = Median("seconds_of_processors"),
        };

        double Median(string name)
        {
            double[] sorted = [.. runs.Select(run => run[name]!.GetValue<double>()).Order()];
            return sorted[sorted.Length / 2];
        }
    }

    // As it happens, on no other thread.
    private sealed class Reported(Action<TrainingProgress> report) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => report(value);
    }
}
