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
/// Rows per second of Transform through a cursor (the anomaly score of rows), beside the same network on tensors that are there already,
/// and beside one row at a time. They take turns in short windows, of whose ratios the median counts: on a machine whose speed drifts, the
/// sums of a whole run differ by more than what is measured.
/// </summary>
internal static class ScoreWorkload
{
    private const int BatchSize = VaeOptions.Defaults.TransformBatchSize;
    private const int WindowRows = 8 * BatchSize;
    private const int Rows = 16 * WindowRows;
    private const int SingleRows = 256;

    public static object Run(BenchmarkSettings settings)
    {
        using IDisposable threads = TorchThreads.Scope(settings.Threads);
        var ml = new MLContext(seed: 1);
        IDataView data = RandomRows.Bytes(ml, Rows);
        var options = new VaeOptions { HiddenSizes = [400], LatentSize = 20, MaxSteps = 20 };
        using VaeTransformer model = ml.Transforms.Generative().Vae(options).Fit(data);
        using var network = new VaeNetwork(VaeArchitecture.Of(options, new RowShape(null, RandomRows.Width)));

        IDataView scored = model.Transform(data);
        List<double> batched = [], bare = [], single = [], shares = [];
        // The first pass is for what is compiled in it.
        int passes = -1;
        var watch = Stopwatch.StartNew();
        for (; watch.Elapsed.TotalSeconds < settings.Seconds || passes < 1; passes++)
        {
            using DataViewRowCursor cursor = scored.GetRowCursor([scored.Schema["NegativeElbo"]]);
            ValueGetter<float> getter = cursor.GetGetter<float>(scored.Schema["NegativeElbo"]);
            for (int window = 0; window < Rows / WindowRows; window++)
            {
                // Before and after, so that a drift cancels out.
                double before = BareRowsPerSecond(network, WindowRows / 2), rate = RowsPerSecond(cursor, getter, WindowRows);
                double after = BareRowsPerSecond(network, WindowRows / 2), bareRate = 2 / (1 / before + 1 / after);
                if (passes < 0)
                    continue;
                batched.Add(rate);
                bare.Add(bareRate);
                shares.Add(1 - rate / bareRate);
            }

            single.Add(OneByOne(model, data, SingleRows));
        }

        return new
        {
            workload = "score",
            rows_of_window = WindowRows,
            windows = shares.Count,
            rows_per_s = Math.Round(Quantile(batched, 0.5)),
            bare_network_rows_per_s = Math.Round(Quantile(bare, 0.5)),
            share_beyond_network = Math.Round(Quantile(shares, 0.5), 3),
            share_beyond_network_quartiles = (double[])[Math.Round(Quantile(shares, 0.25), 3), Math.Round(Quantile(shares, 0.75), 3)],
            single_rows_per_s = Math.Round(Quantile(single, 0.5)),
        };
    }

    private static double Quantile(List<double> values, double part) => values.Order().ElementAt((int)(part * values.Count));

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
