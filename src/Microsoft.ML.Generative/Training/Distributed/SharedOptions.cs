using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Training.Checkpoints;

namespace Microsoft.ML.Generative.Training.Distributed;

/// <summary>What has to be the same in all processes of a training, and what process 0 decides for all.</summary>
/// <param name="Seed">The seed.</param>
/// <param name="Processes">The processes that the training began with.</param>
/// <param name="Options">The options that decide about a training.</param>
/// <param name="OnCancel">What a cancellation does.</param>
/// <param name="ShardsOptimizer">Whether the processes share the optimizer's state.</param>
internal sealed record SharedOptions(
    long Seed, int Processes, JsonObject Options, CancellationBehavior OnCancel, bool ShardsOptimizer)
{
    /// <summary>Takes the values of process 0, and compares its options.</summary>
    /// <param name="group">The processes.</param>
    /// <param name="seedAskedFor">The seed that this process's options name, if they do.</param>
    /// <exception cref="InvalidOperationException">Options differ; the message names them.</exception>
    public (long Seed, int Processes) Share(ProcessGroup group, long? seedAskedFor)
    {
        byte[] bytes = group.FromLeader("the start of a training", JsonSerializer.SerializeToUtf8Bytes(this));
        SharedOptions leader = JsonSerializer.Deserialize<SharedOptions>(bytes)!;
        List<string> differences = [.. SavedOptions.Differences(leader.Options, Options)
            .Select(d => $"{d.Option} is {d.Before} in process 0 and {d.Now} in this one")];
        if (seedAskedFor is { } seed && seed != leader.Seed)
        {
            differences.Insert(0, string.Create(
                CultureInfo.InvariantCulture, $"{nameof(TrainingOptions.Seed)} is {leader.Seed} in process 0 and {seed} in this one"));
        }

        if (OnCancel != leader.OnCancel)
            differences.Add($"{nameof(TrainingOptions.OnCancel)} is {leader.OnCancel} in process 0 and {OnCancel} in this one");
        if (ShardsOptimizer != leader.ShardsOptimizer)
        {
            differences.Add(
                $"{nameof(TrainingOptions.Distributed)}.{nameof(DistributedOptions.ShardOptimizer)} is {leader.ShardsOptimizer} in "
                + $"process 0 and {ShardsOptimizer} in this one");
        }

        return differences.Count == 0
            ? (leader.Seed, leader.Processes)
            : throw new InvalidOperationException($"The processes of the training have other options: {string.Join("; ", differences)}.");
    }
}
