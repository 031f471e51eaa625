using System.Diagnostics;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// Rows per second from an IDataView into tensors, beside a plain copy of the same bytes into memory that is already mapped.
/// </summary>
internal static class IngestWorkload
{
    private const int Rows = 60_000;

    public static object Run(BenchmarkSettings settings)
    {
        var ml = new MLContext(seed: 1);
        IHost host = ((IHostEnvironment)ml).Register("ingest");
        return new
        {
            workload = "ingest",
            rows = Rows,
            width = RandomRows.Width,
            bytes = Measure(settings, host, RandomRows.Bytes(ml, Rows), elementSize: 1),
            floats = Measure(settings, host, RandomRows.Floats(ml, Rows), elementSize: 4),
        };
    }

    private static object Measure(BenchmarkSettings settings, IHost host, IDataView data, int elementSize)
    {
        TensorColumn[] columns = [TensorColumn.Features(data.Schema, "Image", new ImageShape(1, 28, 28), ValueRange.Unit)];
        var (ingest, copy) = (new List<double>(), new List<double>());
        byte[] source = Filled(elementSize), target = Filled(elementSize);
        var watch = Stopwatch.StartNew();
        while (watch.Elapsed.TotalSeconds < settings.Seconds / 2 || ingest.Count < 5)
        {
            ingest.Add(Time(() => TensorSource.Read(host, data, columns).Dispose()));
            copy.Add(Time(() => Buffer.BlockCopy(source, 0, target, 0, source.Length)));
        }

        double ingestSeconds = Median(ingest);
        double copySeconds = Median(copy);
        return new
        {
            rows_per_s = Math.Round(Rows / ingestSeconds),
            memcpy_rows_per_s = Math.Round(Rows / copySeconds),
            ratio_to_memcpy = Math.Round(ingestSeconds / copySeconds, 2),
        };
    }

    private static byte[] Filled(int elementSize)
    {
        byte[] bytes = new byte[Rows * RandomRows.Width * elementSize];
        Array.Fill(bytes, (byte)1);
        return bytes;
    }

    private static double Time(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
