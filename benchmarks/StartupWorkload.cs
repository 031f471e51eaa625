using System.Diagnostics;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Runtime;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// From the start of a process to the first step of a small training (a VAE of 64 rows), in processes of their own: the runtime, this
/// program's arguments, libtorch, and ML.NET with the first step.
/// </summary>
internal static class StartupWorkload
{
    private const int Rows = 64;

    public static object Run(BenchmarkSettings settings)
    {
        JsonObject[] runs = [.. Enumerable.Range(0, Math.Max(3, settings.Stream.Rounds)).Select(_ => ChildRun.Measure("startup-once"))];
        return new
        {
            workload = "startup",
            processes = runs.Length,
            seconds_to_program = Median("seconds_to_program"),
            seconds_to_libtorch = Median("seconds_to_libtorch"),
            seconds_to_first_step = Median("seconds_to_first_step"),
            seconds_of_processors = Median("seconds_of_processors"),
        };

        double Median(string name)
        {
            double[] sorted = [.. runs.Select(run => run[name]!.GetValue<double>()).Order()];
            return sorted[sorted.Length / 2];
        }
    }

    public static object RunOnce(BenchmarkSettings settings)
    {
        using var process = Process.GetCurrentProcess();
        double Elapsed() => Math.Round((DateTime.Now - process.StartTime).TotalSeconds, 3);
        double program = Elapsed();
        TorchRuntime.EnsureLoaded();
        double libtorch = Elapsed(), step = 0;
        var ml = new MLContext(seed: 1);
        var options = new VaeOptions
        {
            BatchSize = Rows,
            MaxSteps = 1,
            Threads = settings.Threads,
            Progress = new Reported(_ => step = Elapsed()),
        };
        ml.Transforms.Generative().Vae(options).Fit(RandomRows.Bytes(ml, Rows)).Dispose();
        process.Refresh();
        return new
        {
            workload = "startup-once",
            seconds_to_program = program,
            seconds_to_libtorch = libtorch,
            seconds_to_first_step = step,
            seconds_of_processors = Math.Round(process.TotalProcessorTime.TotalSeconds, 3),
        };
    }

    // As it happens, on no other thread.
    private sealed class Reported(Action<TrainingProgress> report) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => report(value);
    }
}
