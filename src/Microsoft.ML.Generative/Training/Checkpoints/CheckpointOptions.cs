using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative;

/// <summary>Where and how often a training is saved, so that it can go on after a crash as if nothing had happened.</summary>
/// <remarks>
/// A training that finds checkpoints of its own in the folder resumes from the newest valid one; on the CPU, with the same number of
/// threads, it ends with the very weights of a training that was never interrupted. One that has finished returns its model at once.
/// Checkpoints of a training with other options, another seed or other data are refused with an error that names the difference.
/// A training saves itself when it is canceled, too, and when the system asks the process to end (SIGTERM): then <c>Fit</c> throws an
/// <see cref="OperationCanceledException"/> after the step. An estimator that has trained a model and is fit again, as in a
/// cross-validation, uses folders of their own in this one: <c>fit-2</c>, <c>fit-3</c> and so on.
/// </remarks>
/// <example>
/// <code>
/// var vae = mlContext.Transforms.Generative().Vae(new VaeOptions
/// {
///     Seed = 1,
///     Checkpoints = new CheckpointOptions("checkpoints/digits") { Interval = TimeSpan.FromMinutes(5) },
/// });
/// using VaeTransformer model = vae.Fit(data);   // run the program again after a crash: it resumes
/// </code>
/// </example>
public sealed class CheckpointOptions
{
    internal const int DefaultKeep = 3;

    internal static readonly TimeSpan DefaultInterval = TimeSpan.FromMinutes(10);

    private int _models;

    /// <summary>Saves to a folder.</summary>
    /// <param name="directory">The folder, made if it is missing; one for each training.</param>
    /// <exception cref="ArgumentException">The path is empty.</exception>
    public CheckpointOptions(string directory)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(directory);
        Directory = Path.GetFullPath(directory);
    }

    /// <summary>The folder's full path.</summary>
    public string Directory { get; }

    /// <summary>The folder of the next training of the estimator that these options are of.</summary>
    internal string NextDirectory => _models == 0 ? Directory : Path.Combine(Directory, $"fit-{_models + 1}");

    /// <summary>Optimizer steps between two checkpoints, at least 1. Default: none, time decides.</summary>
    public long? Steps { get; set; }

    /// <summary>Time between two checkpoints, above 0. Default: 10 minutes, unless <see cref="Steps"/> is set.</summary>
    public TimeSpan? Interval { get; set; }

    /// <summary>How many checkpoints are kept, at least 1; older ones are deleted. Default: 3.</summary>
    public int Keep { get; set; } = DefaultKeep;

    /// <summary>Counts a model that was trained, so that the next one has another folder.</summary>
    internal void CountModel() => Interlocked.Increment(ref _models);

    internal void Validate()
    {
        OptionChecks.AtLeast(Steps, 1, $"{nameof(TrainingOptions.Checkpoints)}.{nameof(Steps)}");
        OptionChecks.Positive(Interval?.TotalSeconds, $"{nameof(TrainingOptions.Checkpoints)}.{nameof(Interval)}");
        OptionChecks.AtLeast<int>(Keep, 1, $"{nameof(TrainingOptions.Checkpoints)}.{nameof(Keep)}");
    }

    internal CheckpointOptions Copy() => (CheckpointOptions)MemberwiseClone();
}
