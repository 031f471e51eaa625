using System.Diagnostics;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Datasets;
using Microsoft.ML.Generative.Runtime;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// One training of the MLP VAE of <see cref="VaeWorkload"/> on rows made on the fly, from memory or streamed, in this process.
/// </summary>
internal static class StreamedTraining
{
    private const long Mebibyte = 1 << 20;
    private const long LargestBudget = 64 * Mebibyte;

    public static VaeOptions Options(BenchmarkSettings settings, int rows, bool isStreamed)
    {
        VaeOptions options = ElboWorkload.Reference();
        options.Threads = settings.Threads;
        options.Seed = 1;
        options.MaxSteps = long.MaxValue / 1000;
        options.MemoryBudget = isStreamed ? Budget(rows) : long.MaxValue;
        return options;
    }

    /// <summary>A quarter of the rows, and never more than 64 MiB.</summary>
    public static long Budget(int rows) => Math.Clamp((long)rows * RandomRows.Width / 4, Mebibyte, LargestBudget);

    public static object Run(BenchmarkSettings settings, int rows, bool isStreamed)
    {
        TorchRuntime.EnsureLoaded();
        double before = Mebibytes(Process.GetCurrentProcess().WorkingSet64);
        var watch = Stopwatch.StartNew();
        var stopping = new CancellationTokenSource();
        VaeOptions options = Options(settings, rows, isStreamed);
        // At least an epoch, so that its beginning, when the pool fills, is measured too.
        var clock = new StepClock(stopping, settings.Seconds, rows / options.BatchSize + 1);
        using Process process = Process.GetCurrentProcess();
        TimeSpan ProcessorTime()
        {
            process.Refresh();
            return process.TotalProcessorTime;
        }

        (double reading, TimeSpan processorBefore, TimeSpan processorAfter, bool isFirst) = (0, default, default, true);
        options.CancellationToken = stopping.Token;
        options.Progress = new Reports(report =>
        {
            processorAfter = ProcessorTime();
            if (isFirst)
                (reading, processorBefore, isFirst) = (watch.Elapsed.TotalSeconds - report.Elapsed.TotalSeconds, processorAfter, false);
            clock.Report(report);
        });
        Train(options, rows);

        process.Refresh();
        double peak = Mebibytes(process.PeakWorkingSet64);
        double processors = (processorAfter - processorBefore).TotalSeconds / clock.Seconds;
        return new
        {
            rows,
            mode = isStreamed ? "streamed" : "memory",
            rows_mib = Math.Round(Mebibytes((long)rows * RandomRows.Width), 1),
            budget_mib = isStreamed ? Math.Round(Mebibytes(Budget(rows)), 1) : (double?)null,
            rows_per_s = Math.Round(clock.StepsPerSecond * options.BatchSize),
            rows_per_processor_s = Math.Round(clock.StepsPerSecond * options.BatchSize / processors),
            read_s = Math.Round(reading, 2),
            peak_mib = Math.Round(peak, 1),
            peak_beyond_start_mib = Math.Round(peak - before, 1),
        };
    }

    public static void Train(VaeOptions options, int rows)
    {
        var ml = new MLContext(seed: 1);
        try
        {
            ml.Transforms.Generative().Vae(options).Fit(new ByteImageDataView(new NoiseImages(rows))).Dispose();
        }
        catch (OperationCanceledException)
        {
            // There has been enough to measure.
        }
    }

    public static double Mebibytes(long bytes) => bytes / (double)Mebibyte;

    /// <summary>Reports at once, and in the training's thread.</summary>
    public sealed class Reports(Action<TrainingProgress> take) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => take(value);
    }
}
