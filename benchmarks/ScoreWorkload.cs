using System.Diagnostics;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Runtime;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>Rows per second of Transform through a cursor (the anomaly score of 60,000 rows), beside one row at a time.</summary>
internal static class ScoreWorkload
{
    private const int Rows = 60_000;

    public static object Run(BenchmarkSettings settings)
    {
        using IDisposable threads = TorchThreads.Scope(settings.Threads);
        var ml = new MLContext(seed: 1);
        IDataView data = RandomRows.Bytes(ml, Rows);
        using VaeTransformer model = ml.Transforms.Generative()
            .Vae(new VaeOptions { HiddenSizes = [400], LatentSize = 20, MaxSteps = 20 }).Fit(data);

        Batched(model.Transform(ml.Data.TakeRows(data, 1000)));
        OneByOne(model, data, 1000);
        double batched = 0, single = 0;
        int rounds = 0;
        var watch = Stopwatch.StartNew();
        for (; watch.Elapsed.TotalSeconds < settings.Seconds || rounds == 0; rounds++)
        {
            batched += Batched(model.Transform(data));
            single += OneByOne(model, data, Rows / 20);
        }

        return new
        {
            workload = "score",
            rows = Rows,
            rows_per_s = Math.Round(batched / rounds),
            single_rows_per_s = Math.Round(single / rounds),
            ratio = Math.Round(batched / single, 1),
        };
    }

    private static double Batched(IDataView output)
    {
        using DataViewRowCursor cursor = output.GetRowCursor([output.Schema["NegativeElbo"]]);
        return RowsPerSecond(cursor, cursor.GetGetter<float>(output.Schema["NegativeElbo"]), int.MaxValue);
    }

    private static double OneByOne(ITransformer model, IDataView data, int rows)
    {
        IRowToRowMapper mapper = model.GetRowToRowMapper(data.Schema);
        using DataViewRowCursor cursor = data.GetRowCursor(data.Schema);
        DataViewSchema.Column score = mapper.OutputSchema["NegativeElbo"];
        return RowsPerSecond(cursor, mapper.GetRow(cursor, [score]).GetGetter<float>(score), rows);
    }

    private static double RowsPerSecond(DataViewRowCursor cursor, ValueGetter<float> getter, int limit)
    {
        float score = default;
        var watch = Stopwatch.StartNew();
        int count = 0;
        for (; count < limit && cursor.MoveNext(); count++)
            getter(ref score);
        return count / watch.Elapsed.TotalSeconds;
    }
}
