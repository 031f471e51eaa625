using System.Collections.ObjectModel;

namespace Microsoft.ML.Generative;

/// <summary>What a training has done so far; reported through <see cref="TrainingOptions.Progress"/>.</summary>
public sealed record TrainingProgress
{
    /// <summary>
    /// The part of a training that has several, such as <c>autoencoder</c> and <c>prior</c> of a VQ-VAE, each with steps of its own;
    /// otherwise <see langword="null"/>.
    /// </summary>
    public string? Stage { get; init; }

    /// <summary>Optimizer steps done, from 1.</summary>
    public required long Step { get; init; }

    /// <summary>Optimizer steps that the training will take in all.</summary>
    public required long TotalSteps { get; init; }

    /// <summary>The epoch of the last step, from 1.</summary>
    public required int Epoch { get; init; }

    /// <summary>
    /// The loss: in a report that closes an epoch the mean over its rows, in others <see cref="RecentLoss"/>; in nats for likelihood
    /// models. Where several networks are trained, the first one's.
    /// </summary>
    public required double Loss { get; init; }

    /// <summary>The parts of the loss by name, averaged like <see cref="Loss"/>.</summary>
    public required IReadOnlyDictionary<string, double> LossTerms { get; init; }

    /// <summary>
    /// A moving average of the loss over about a 200th of the training and at most 100 steps, in every report: what a curve shows without
    /// steps where epochs end.
    /// </summary>
    public double RecentLoss { get; init; }

    /// <summary>The parts of <see cref="RecentLoss"/> by name.</summary>
    public IReadOnlyDictionary<string, double> RecentLossTerms { get; init; } = ReadOnlyDictionary<string, double>.Empty;

    /// <summary>
    /// The loss on <see cref="TrainingOptions.ValidationData"/>, in the reports that close an epoch; otherwise <see langword="null"/>.
    /// </summary>
    public double? ValidationLoss { get; init; }

    /// <summary>
    /// The parts of the validation loss by name, in the reports that have a <see cref="ValidationLoss"/>. Where the losses of several
    /// networks are validated, the names begin with those of the networks, as in <c>generator.loss</c>.
    /// </summary>
    public IReadOnlyDictionary<string, double> ValidationTerms { get; init; } = ReadOnlyDictionary<string, double>.Empty;

    /// <summary>The learning rate of the last step.</summary>
    public required double LearningRate { get; init; }

    /// <summary>
    /// The norm of the gradient before clipping, in the last step; of the first network where there are several; <see langword="null"/>
    /// when the training does not need it.
    /// </summary>
    public double? GradientNorm { get; init; }

    /// <summary>
    /// Rows, or what <see cref="SampleUnit"/> says, per second: over the epoch in a report that closes one, since the last report in
    /// others.
    /// </summary>
    public required double SamplesPerSecond { get; init; }

    /// <summary>What <see cref="SamplesPerSecond"/> counts: <c>rows</c>, or <c>tokens</c> of texts.</summary>
    public string SampleUnit { get; init; } = "rows";

    /// <summary>Time since the first step.</summary>
    public required TimeSpan Elapsed { get; init; }

    /// <summary>The time that the remaining steps will take, those of later stages too, at the speed of the last 15 seconds.</summary>
    public required TimeSpan Remaining { get; init; }

    /// <summary>The device that trains, such as <c>cpu</c> or <c>cuda:0</c>.</summary>
    public required string Device { get; init; }

    /// <summary>
    /// Bytes of the GPU's memory that are in use, by this training and all others on it, memory that libtorch keeps for later included;
    /// <see langword="null"/> on a CPU.
    /// </summary>
    public long? DeviceMemory { get; init; }
}
