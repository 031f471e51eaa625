using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training.Distributed;
using Microsoft.ML.Generative.Training.Reporting;
using TorchSharp;

namespace Microsoft.ML.Generative.Training;

/// <summary>
/// Computes the gradient of a pass: forward and backward over each batch, and the sum over all, as if their rows were one batch, whatever
/// the number of batches and of processes.
/// </summary>
internal sealed class StepGradients
{
    private readonly TrainingRun _run;
    private readonly ProcessGroup? _group;
    private readonly IReadOnlyList<TrainedNetwork> _networks;
    private readonly StepMeasures _measures;
    private readonly TrainingCancellation _cancellation;

    /// <param name="run">The processes, the seed.</param>
    /// <param name="networks">All networks of the loop, whose layers may change their buffers.</param>
    /// <param name="measures">Receives the losses.</param>
    /// <param name="cancellation">Stops within a long step.</param>
    public StepGradients(
        TrainingRun run, IReadOnlyList<TrainedNetwork> networks, StepMeasures measures, TrainingCancellation cancellation)
    {
        _run = run;
        _group = run.Group;
        _networks = networks;
        _measures = measures;
        _cancellation = cancellation;
    }

    /// <summary>Leaves the gradient of the batches of all processes in the phase's network.</summary>
    public void Compute(PhasePass pass, List<StepBatch> batches)
    {
        if (batches.Count > 1 || _group is not null)
        {
            ComputeAsOne(pass, batches);
            return;
        }

        SeedDropout(pass, 0);
        Learn(pass, batches[0].Batch!.Value);
        if (pass.TotalWeight > 0)
            Exchange(pass);
    }

    // A step sees the rows of several batches as if in one.
    private void ComputeAsOne(PhasePass pass, List<StepBatch> batches)
    {
        using var draws = new StepDraws(batches.Sum(b => (long)b.Rows));
        using var buffers = new StepBuffers(_networks.SelectMany(n => n.Averages), pass.TotalWeight);
        int last = batches.FindLastIndex(b => b.IsOwn && b.Batch!.Value.Weight > 0);
        pass = pass with { Context = pass.Context with { Draws = draws } };
        for (int i = 0; i < batches.Count; i++)
        {
            _cancellation.StopWithinLongStep();
            (int rows, bool isOwn, TensorBatch? batch) = batches[i];
            if (batch is { } present)
            {
                SeedDropout(pass, i);
                buffers.BeginBatch();
                if (isOwn)
                {
                    BatchStatistics? statistics = SynchronizedStatistics(i, batches.Count);
                    using IDisposable? scope = statistics is null ? null : BatchStatistics.Scope(statistics);
                    if (i == last && statistics is null)
                        pass.Phase.Network.Buckets?.Watch();
                    Learn(pass, present);
                    statistics?.Check();
                }
                else
                    ComputeOnly(pass, present);
                if (isOwn && present.Weight > 0)
                    buffers.EndBatch(present.Weight);
            }

            draws.EndBatch(rows);
        }

        // While gradients are on their way, the processes cannot meet for anything else.
        if (pass.TotalWeight > 0)
            Exchange(pass);
        buffers.EndStep(_group);
    }

    private void Exchange(PhasePass pass) => pass.Phase.Network.ExchangeGradients(_run.Exchange);

    // The processes compute batches of consecutive numbers at the same time; at the end of an epoch the last ones have none.
    private BatchStatistics? SynchronizedStatistics(int batch, int batches)
    {
        if (_group is not { Size: > 1 } group || !_run.Options.Distributed!.SynchronizeBatchNormalization)
            return null;
        int processes = Math.Min(group.Size, batches - batch / group.Size * group.Size);
        return new BatchStatistics(values => group.SumOfFirst("the statistics of batch normalization", processes, values));
    }

    // Each batch of a step has dropout of its own, whatever process computes it. The first one has that of a step of one batch.
    private void SeedDropout(PhasePass pass, int batch)
    {
        if (batch == 0 && pass.Number == 1)
            return;
        long step = SeedSequence.Derive(_run.Seed, 2 * pass.Context.Step);
        SeededDropout.Reseed(SeedSequence.Derive(step, (long)pass.Number * int.MaxValue + batch));
    }

    // For the noise that it takes from the generator. With gradients, which losses may contain.
    private static void ComputeOnly(PhasePass pass, TensorBatch batch)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        pass.Phase.Losses(pass.Context with { IsDiscarded = true }, batch);
    }

    private void Learn(PhasePass pass, TensorBatch batch)
    {
        if (batch.Weight == 0)
            return;
        // Its own scope, so that only one batch's activations are alive: that is what accumulation is for.
        using DisposeScope scope = torch.NewDisposeScope();
        Losses losses = pass.Phase.Losses(pass.Context, batch);
        _measures.Add(pass, losses, batch.Weight, batch.Samples);

        // Each value weighs the same, whatever batch it is in.
        torch.Tensor part = batch.Weight == pass.TotalWeight ? losses.Total : losses.Total.Times(batch.Weight / pass.TotalWeight);
        GradientBuckets? buckets = pass.Phase.Network.Buckets;
        buckets?.BeginBackward();
        part.backward();
        buckets?.EndBackward();
    }
}
