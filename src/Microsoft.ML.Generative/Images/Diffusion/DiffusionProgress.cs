namespace Microsoft.ML.Generative;

/// <summary>The progress of a generation; reported through <see cref="DiffusionGenerateOptions.Progress"/>.</summary>
public sealed record DiffusionProgress
{
    /// <summary>The index of the first image that is generated at the moment.</summary>
    public required int FirstImage { get; init; }

    /// <summary>The number of images that are generated at the moment.</summary>
    public required int Images { get; init; }

    /// <summary>The number of images in all.</summary>
    public required int TotalImages { get; init; }

    /// <summary>The sampler's step, from 1.</summary>
    public required int Step { get; init; }

    /// <summary>The number of the sampler's steps.</summary>
    public required int TotalSteps { get; init; }

    /// <summary>
    /// The images as the step predicts them, in a column Generated, where <see cref="DiffusionGenerateOptions.PreviewInterval"/> asks for
    /// them.
    /// </summary>
    public IDataView? Preview { get; init; }
}
