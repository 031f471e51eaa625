using System.Globalization;
using System.Text.Json.Nodes;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// Rows per second and peak memory of a training whose rows are streamed, beside the same from memory, for several numbers of rows. Each is
/// measured in processes of its own, in turns. With <c>--hours</c> or <c>--steps</c> instead: the memory of one training as it goes on and
/// on.
/// </summary>
internal static class StreamWorkload
{
    private static readonly int[] _rows = [10_000, 100_000, 1_000_000];

    public static object Run(BenchmarkSettings settings)
    {
        StreamSettings stream = settings.Stream;
        if (stream.Hours is not null || stream.Steps is not null)
            return MemoryWatch.Run(settings, stream.Rows.FirstOrDefault(_rows[^1]), stream.Mode != StreamMode.Memory);
        if (stream.Mode is { } mode)
            return StreamedTraining.Run(settings, stream.Rows.FirstOrDefault(_rows[0]), mode == StreamMode.Streamed);
        return new
        {
            workload = "stream",
            results = (stream.Rows.Length > 0 ? stream.Rows : _rows).Select(rows =>
            Compare(settings, rows)).ToArray()
        };
    }

    private static object Compare(BenchmarkSettings settings, int rows)
    {
        List<JsonObject> memory = [], streamed = [];
        for (int round = 0; round < settings.Stream.Rounds; round++)
        {
            memory.Add(Measure(settings, rows, StreamMode.Memory));
            streamed.Add(Measure(settings, rows, StreamMode.Streamed));
        }

        (double memoryRows, double streamedRows) = (Median(memory, "rows_per_s"), Median(streamed, "rows_per_s"));
        return new
        {
            rows,
            rows_mib = Median(memory, "rows_mib"),
            budget_mib = Median(streamed, "budget_mib"),
            memory_rows_per_s = memoryRows,
            streamed_rows_per_s = streamedRows,
            ratio = Math.Round(streamedRows / memoryRows, 3),
            // Of use where other programs take processors away.
            ratio_per_processor_s = Math.Round(Median(streamed, "rows_per_processor_s") / Median(memory, "rows_per_processor_s"), 3),
            memory_read_s = Median(memory, "read_s"),
            streamed_read_s = Median(streamed, "read_s"),
            memory_peak_mib = Median(memory, "peak_mib"),
            streamed_peak_mib = Median(streamed, "peak_mib"),
            memory_peak_beyond_start_mib = Median(memory, "peak_beyond_start_mib"),
            streamed_peak_beyond_start_mib = Median(streamed, "peak_beyond_start_mib"),
        };
    }

    private static JsonObject Measure(BenchmarkSettings settings, int rows, StreamMode mode)
    {
        List<string> arguments =
        [
            "stream", "--mode", mode.ToString(), "--rows", rows.ToString(CultureInfo.InvariantCulture), "--seconds",
            settings.Seconds.ToString(CultureInfo.InvariantCulture),
        ];
        if (settings.Threads is { } threads)
            arguments.AddRange(["--threads", threads.ToString(CultureInfo.InvariantCulture)]);
        JsonObject result = ChildRun.Measure(arguments);
        Console.Error.WriteLine(result.ToJsonString());
        return result;
    }

    private static double Median(List<JsonObject> results, string name) =>
        results.Select(r => (double)r[name]!).Order().ElementAt(results.Count / 2);
}

internal enum StreamMode
{
    Streamed,
    Memory,
}

/// <summary>What only <c>stream</c> asks for.</summary>
/// <param name="Rows">Numbers of rows; none for the usual ones.</param>
/// <param name="Mode">Which to measure, in this process; both in other processes if it is not said.</param>
/// <param name="Rounds">Measurements of each, of which the median counts.</param>
/// <param name="Hours">How long to watch the memory of one training.</param>
/// <param name="Steps">How many steps to watch it.</param>
internal sealed record StreamSettings(int[] Rows, StreamMode? Mode, int Rounds, double? Hours, long? Steps);
