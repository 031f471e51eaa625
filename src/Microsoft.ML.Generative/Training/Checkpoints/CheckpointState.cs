using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Microsoft.ML.Generative.Training.Checkpoints;

/// <summary>What a checkpoint knows beside its tensors. Noise needs no state: each step seeds its own.</summary>
internal sealed record CheckpointState
{
    public const int CurrentFormat = 1;

    public required int Format { get; init; }

    /// <summary>Which loop of the training it is of: a model may be trained in several, one after the other.</summary>
    public required string Stage { get; init; }

    /// <summary>Steps done and reported.</summary>
    public required long Step { get; init; }

    public required long Seed { get; init; }

    /// <summary>Threads of libtorch: other numbers round sums differently.</summary>
    public required int Threads { get; init; }

    /// <summary>The processes whose batches make a step. Missing in checkpoints of earlier versions, which had one.</summary>
    public int? Processes { get; init; }

    /// <summary>The model's options as JSON.</summary>
    public required JsonObject Options { get; init; }

    /// <summary>What identifies the data of each source, the validation's last.</summary>
    public required string[] Data { get; init; }

    public required FeedPosition[] Feeds { get; init; }

    /// <summary>Optimizer steps of each network.</summary>
    public required long[] NetworkSteps { get; init; }

    /// <summary>What JSON can hold of the state of each source that has one. Missing where no source has one.</summary>
    public JsonNode?[]? SourceStates { get; init; }

    /// <summary>The hash of each network's frozen weights, which the checkpoint does not hold. Missing where nothing is frozen.</summary>
    public string?[]? FrozenWeights { get; init; }

    public required MeterState Meter { get; init; }

    public double? GradientNorm { get; init; }

    public BestScore? Best { get; init; }

    /// <summary>Whether the loop has no step left, because all are done or because it stopped early.</summary>
    public required bool IsFinished { get; init; }
}

/// <summary>The batch that a source gives next.</summary>
internal readonly record struct FeedPosition(int Epoch, long Batch);

/// <summary>Sums of the recent losses, and the time trained.</summary>
internal sealed record MeterState(
    double LossSum, [property: JsonPropertyName("rows")] double Weight, Dictionary<string, MeterTerm> Terms, long ElapsedTicks)
{
    /// <summary>Sums of the losses of the epoch. Missing in checkpoints of earlier versions.</summary>
    public EpochSums? Epoch { get; init; }
}

/// <summary>Sums of the losses of an epoch.</summary>
internal sealed record EpochSums(double LossSum, [property: JsonPropertyName("rows")] double Weight, Dictionary<string, MeterTerm> Terms);

internal readonly record struct MeterTerm(double Sum, [property: JsonPropertyName("rows")] double Weight);

/// <summary>The best validation loss so far.</summary>
internal sealed record BestScore(double Loss, long Step, int EpochsSince);
