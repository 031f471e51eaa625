using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Training.Checkpoints;
using Microsoft.ML.Generative.Training.Reporting;
using TorchSharp;

namespace Microsoft.ML.Generative.Training.Distributed;

/// <summary>
/// Begins a loop in all processes alike: where process 0 begins it, which alone has the checkpoints, and with its weights to the bit.
/// </summary>
internal sealed class SharedStart(
    ProcessGroup group, IReadOnlyList<TrainedNetwork> networks, IReadOnlyList<BatchFeed> feeds, BestWeights? best, TrainingMeter meter)
{
    /// <summary>Takes over where process 0 is.</summary>
    /// <returns>The step that was done last, the norm of its gradient, and whether the loop has finished.</returns>
    public (long Step, double? GradientNorm, bool IsFinished) Share(long step, double? gradientNorm, bool isFinished)
    {
        var own = new Place(
            step, gradientNorm, isFinished, [.. feeds.Select(f => f.Position)], [.. networks.Select(n => n.Steps)], best?.Score);
        byte[] bytes = group.FromLeader("the beginning of a loop", JsonSerializer.SerializeToUtf8Bytes(own, ExactDoubles.Options));
        Place place = JsonSerializer.Deserialize<Place>(bytes, ExactDoubles.Options)!;
        if (!group.IsLeader)
        {
            for (int i = 0; i < networks.Count; i++)
                networks[i].Resume(place.NetworkSteps[i]);
            if (place.Best is { } score)
                best?.Resume(score);
            meter.Resume(new MeterState(0, 0, [], 0), place.Step);
        }

        for (int i = 0; i < feeds.Count && !place.IsFinished; i++)
        {
            if (feeds[i].Source is IStatefulBatchSource source)
                ShareState(feeds[i], source, place.Feeds[i]);
            else if (!group.IsLeader)
                feeds[i].Start(place.Feeds[i]);
        }

        group.Broadcast("weights", networks.SelectMany(n => n.CommonState).Concat(best?.State ?? []).Select(s => s.Values));
        foreach (TrainedNetwork network in networks)
        {
            // A training that begins has no moments yet.
            if (place.Step > 0)
                network.ScatterMoments();
            network.CloseMoments();
        }

        return (place.Step, place.GradientNorm, place.IsFinished);
    }

    private void ShareState(BatchFeed feed, IStatefulBatchSource source, FeedPosition position)
    {
        const string Operation = "the state of a source of batches";
        BatchSourceState? own = group.IsLeader ? source.SaveState() : null;
        var described = new SourceState(
            own?.Values, [.. own?.Tensors.Select(t => new SourceTensor(t.Key, t.Value.dtype, t.Value.shape)) ?? []]);
        SourceState state = JsonSerializer.Deserialize<SourceState>(
            group.FromLeader(Operation, JsonSerializer.SerializeToUtf8Bytes(described)))!;
        Dictionary<string, torch.Tensor> tensors = state.Tensors.ToDictionary(
            t => t.Name, t => own?.Tensors[t.Name] ?? torch.empty(t.Shape, t.Type).DetachFromDisposeScope());
        group.Broadcast(Operation, state.Tensors.Select(t => tensors[t.Name]));
        if (!group.IsLeader)
            feed.Resume(position, new BatchSourceState(state.Values, tensors));
    }

    private sealed record SourceState(JsonNode? Values, SourceTensor[] Tensors);

    private sealed record SourceTensor(string Name, torch.ScalarType Type, long[] Shape);

    private sealed record Place(
        long Step, double? GradientNorm, bool IsFinished, FeedPosition[] Feeds, long[] NetworkSteps, BestScore? Best);
}
