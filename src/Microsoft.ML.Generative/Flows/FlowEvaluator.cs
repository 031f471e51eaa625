using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Flows;

/// <summary>Evaluates a normalizing flow by its density of rows.</summary>
internal static class FlowEvaluator
{
    private const int RowsAtOnce = 256;

    public static FlowMetrics Evaluate(IHostEnvironment env, FlowTransformer model, IDataView data, int? seed)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        using IDisposable use = model.Use();
        IHost host = env.Register(nameof(FlowEvaluator));
        using TensorSource source = TensorSource.Read(host, data, model.OpenColumns(data.Schema), TrainingOptions.DefaultRowMemory);
        IBatchSource batches = source.Batches(RowsAtOnce, shuffle: false, 0, model.Device);
        using IDisposable noGradient = no_grad();
        using var generator = new Generator((ulong)SeedSequence.Derive(SeedSequence.Choose(host, seed), 0));

        // Welford's updates, batch by batch.
        (long rows, double mean, double squares) = (0, 0, 0);
        batches.StartEpoch(0);
        for (long i = 0; i < batches.BatchesPerEpoch; i++)
        {
            host.CheckAlive();
            using DisposeScope scope = NewDisposeScope();
            Tensor each = FlowObjective.NegativeLogDensity(model.Network, model.Architecture, batches.Next(), generator);
            foreach (float value in FiniteValues.ToArray(each, "A row's density"))
            {
                double distance = value - mean;
                mean += distance / ++rows;
                squares += distance * (value - mean);
            }
        }

        return new FlowMetrics(rows, mean, Math.Sqrt(squares / (rows - 1) / rows))
        {
            BitsPerDimension = model.Architecture.IsDequantized ? mean * FlowObjective.BitsPerNat(model.Architecture) : null,
        };
    }
}
