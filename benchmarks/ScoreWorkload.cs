using System.Diagnostics;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Vae;
using Microsoft.ML.Generative.Images.Vae.Networks;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// Rows per second of Transform through a cursor (the anomaly score of 60,000 rows), beside the same network on tensors that are there
/// already, and beside one row at a time.
/// </summary>
internal static class ScoreWorkload
{
    private const int Rows = 60_000;
    private const int BatchSize = VaeOptions.Defaults.TransformBatchSize;

    public static object Run(BenchmarkSettings settings)
    {
        using IDisposable threads = TorchThreads.Scope(settings.Threads);
        var ml = new MLContext(seed: 1);
        IDataView data = RandomRows.Bytes(ml, Rows);
        var options = new VaeOptions { HiddenSizes = [400], LatentSize = 20, MaxSteps = 20 };
        using VaeTransformer model = ml.Transforms.Generative().Vae(options).Fit(data);
        using var network = new VaeNetwork(VaeArchitecture.Of(options, new RowShape(null, RandomRows.Width)));

        Batched(model.Transform(ml.Data.TakeRows(data, 1000)));
        OneByOne(model, data, 1000);
        BareRowsPerSecond(network, 1000);
        double batched = 0, bare = 0, single = 0;
        int rounds = 0;
        var watch = Stopwatch.StartNew();
        for (; watch.Elapsed.TotalSeconds < settings.Seconds || rounds == 0; rounds++)
        {
            batched += Batched(model.Transform(data));
            bare += BareRowsPerSecond(network, Rows);
            single += OneByOne(model, data, Rows / 20);
        }

        return new
        {
            workload = "score",
            rows = Rows,
            rows_per_s = Math.Round(batched / rounds),
            bare_network_rows_per_s = Math.Round(bare / rounds),
            share_beyond_network = Math.Round(1 - batched / bare, 3),
            single_rows_per_s = Math.Round(single / rounds),
        };
    }

    private static double Batched(IDataView output)
    {
        using DataViewRowCursor cursor = output.GetRowCursor([output.Schema["NegativeElbo"]]);
        return RowsPerSecond(cursor, cursor.GetGetter<float>(output.Schema["NegativeElbo"]), int.MaxValue);
    }

    private static double BareRowsPerSecond(VaeNetwork network, int rows)
    {
        using IDisposable noGradient = no_grad();
        using Tensor x = rand(BatchSize, RandomRows.Width), noise = randn(BatchSize, 20);
        var watch = Stopwatch.StartNew();
        int count = 0;
        for (; count < rows; count += BatchSize)
        {
            using DisposeScope scope = NewDisposeScope();
            (Tensor mean, Tensor logVariance) = network.Encode(x);
            Tensor decoded = network.Decode(VaeNetwork.Reparameterize(mean, logVariance, noise));
            Tensor error = network.NegativeLogLikelihood(decoded, x, nn.Reduction.None).sum(1);
            _ = error.Plus(VaeNetwork.KlDivergence(mean, logVariance).sum(1)).bytes[0];
        }

        return count / watch.Elapsed.TotalSeconds;
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
