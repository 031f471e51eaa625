using System.Diagnostics;
using System.Globalization;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>A long training that says at least once a minute what memory its process has: it should not grow.</summary>
internal static class MemoryWatch
{
    private const int Lines = 50;

    public static object Run(BenchmarkSettings settings, int rows, bool isStreamed)
    {
        TimeSpan? limit = settings.Stream.Hours is { } hours ? TimeSpan.FromHours(hours) : null;
        TimeSpan interval = TimeSpan.FromMinutes(1);
        if (limit is { } time && time / Lines < interval)
            interval = time / Lines;

        using Process process = Process.GetCurrentProcess();
        List<Sample> samples = [];
        var stopping = new CancellationTokenSource();
        VaeOptions options = StreamedTraining.Options(settings, rows, isStreamed);
        options.MaxSteps = settings.Stream.Steps ?? options.MaxSteps;
        // Enough of them to tell growth from noise, however short the run.
        long stepsBetween = settings.Stream.Steps / Lines ?? long.MaxValue;
        options.CancellationToken = stopping.Token;
        options.Progress = new StreamedTraining.Reports(report =>
        {
            bool isLast = report.Elapsed >= limit || report.Step == report.TotalSteps;
            if (isLast || samples.Count == 0 || report.Elapsed - samples[^1].Elapsed >= interval
                || report.Step - samples[^1].Step >= stepsBetween)
            {
                process.Refresh();
                samples.Add(new Sample(
                    report.Elapsed, report.Step, StreamedTraining.Mebibytes(process.WorkingSet64),
                    StreamedTraining.Mebibytes(GC.GetTotalMemory(forceFullCollection: false))));
                Console.Error.WriteLine(samples[^1]);
            }

            if (report.Elapsed >= limit)
                stopping.Cancel();
        });
        StreamedTraining.Train(options, rows);

        // The first part warms up: code is compiled, pools fill.
        Sample[] settled = [.. samples.Skip(samples.Count / 10)];
        (double first, double last) = (
            Average(settled.Take(Math.Max(1, settled.Length / 10))), Average(settled.TakeLast(Math.Max(1, settled.Length / 10))));
        return new
        {
            workload = "stream",
            rows,
            mode = isStreamed ? "streamed" : "memory",
            steps = samples[^1].Step,
            epochs = Math.Round(samples[^1].Step * (double)options.BatchSize / rows, 1),
            hours = Math.Round(samples[^1].Elapsed.TotalHours, 3),
            samples = samples.Count,
            resident_mib_in_the_first_tenth = Math.Round(first, 1),
            resident_mib_in_the_last_tenth = Math.Round(last, 1),
            growth_mib = Math.Round(last - first, 1),
            peak_mib = Math.Round(StreamedTraining.Mebibytes(process.PeakWorkingSet64), 1),
        };
    }

    private static double Average(IEnumerable<Sample> samples) => samples.Average(s => s.Resident);

    private sealed record Sample(TimeSpan Elapsed, long Step, double Resident, double Managed)
    {
        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture,
            $"{Elapsed.TotalMinutes:F1} min, step {Step}: {Resident:F1} MiB resident, {Managed:F1} MiB managed");
    }
}
