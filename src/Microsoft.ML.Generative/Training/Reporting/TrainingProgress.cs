using System.Collections.ObjectModel;

namespace Microsoft.ML.Generative;

/// <summary>What a training has done so far; reported through <see cref="TrainingOptions.Progress"/>.</summary>
public sealed record TrainingProgress
{
    /// <summary>Optimizer steps done, from 1.</summary>
    public required long Step { get; init; }

    /// <summary>Optimizer steps that the training will take in all.</summary>
    public required long TotalSteps { get; init; }

    /// <summary>The epoch of the last step, from 1.</summary>
    public required int Epoch { get; init; }

    /// <summary>
    /// The loss, averaged over the rows since the last report; in nats for likelihood models. Where several networks are trained, the first
    /// one's.
    /// </summary>
    public required double Loss { get; init; }

    /// <summary>The parts of the loss by name, averaged like <see cref="Loss"/>.</summary>
    public required IReadOnlyDictionary<string, double> LossTerms { get; init; }

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

    /// <summary>Rows per second since the last report.</summary>
    public required double SamplesPerSecond { get; init; }

    /// <summary>Time since the first step.</summary>
    public required TimeSpan Elapsed { get; init; }

    /// <summary>The time that the remaining steps will take at the average speed so far.</summary>
    public required TimeSpan Remaining { get; init; }

    /// <summary>The device that trains, such as <c>cpu</c> or <c>cuda:0</c>.</summary>
    public required string Device { get; init; }
}
