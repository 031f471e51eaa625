using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Training.Checkpoints;

namespace Microsoft.ML.Generative.Training.Distributed;

/// <summary>What has to be the same in all processes of a training, and what process 0 decides for all.</summary>
/// <param name="Seed">The seed.</param>
/// <param name="Processes">The processes that the training began with.</param>
/// <param name="Options">The options that decide about a training.</param>
/// <param name="OnCancel">What a cancellation does.</param>
/// <param name="Distributed">What the processes exchange.</param>
internal sealed record SharedOptions(
    long Seed, int Processes, JsonObject Options, CancellationBehavior OnCancel, SharedOptions.Exchange Distributed)
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
        foreach (((string name, string own), (_, string ofLeader)) in Distributed.Values.Zip(leader.Distributed.Values))
        {
            if (own != ofLeader)
                differences.Add($"{nameof(TrainingOptions.Distributed)}.{name} is {ofLeader} in process 0 and {own} in this one");
        }

        return differences.Count == 0
            ? (leader.Seed, leader.Processes)
            : throw new InvalidOperationException($"The processes of the training have other options: {string.Join("; ", differences)}.");
    }

    /// <summary>The options of what the processes exchange.</summary>
    internal sealed record Exchange(
        DistributedEngine Engine, bool ShardOptimizer, long BucketSize, bool SynchronizeBatchNormalization)
    {
        public static Exchange Of(DistributedOptions options) =>
            new(options.Engine, options.ShardOptimizer, options.BucketSize, options.SynchronizeBatchNormalization);

        /// <summary>Their names and values.</summary>
        [JsonIgnore]
        public IEnumerable<(string Name, string Value)> Values =>
        [
            (nameof(Engine), $"{Engine}"),
            (nameof(ShardOptimizer), $"{ShardOptimizer}"),
            (nameof(BucketSize), BucketSize.ToString(CultureInfo.InvariantCulture)),
            (nameof(SynchronizeBatchNormalization), $"{SynchronizeBatchNormalization}"),
        ];
    }
}
