using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative;

/// <summary>Options of the search for the z of a given row.</summary>
public sealed class GanProjectOptions
{
    /// <summary>The class of the row, from 0; models with labels need it. Default: none.</summary>
    public int? Label { get; set; }

    /// <summary>
    /// The name of the class, one of <see cref="GanTransformer.ClassNames"/>, in place of <see cref="Label"/>. Default: none.
    /// </summary>
    public string? LabelName { get; set; }

    /// <summary>Steps of Adam, at least 1. Default: 300.</summary>
    public int Steps { get; set; } = 300;

    /// <summary>Adam's first learning rate, above 0; it falls to 0 on half a cosine. Default: 0.05.</summary>
    public double LearningRate { get; set; } = 0.05;

    /// <summary>Samples of z, the best of which is the start, at least 1. Default: 64.</summary>
    public int Starts { get; set; } = 64;

    /// <summary>The seed of these samples. Default: the context's seed, or a new one each time.</summary>
    public int? Seed { get; set; }

    /// <summary>Stops the search within a step.</summary>
    public CancellationToken CancellationToken { get; set; }

    internal void Validate()
    {
        OptionChecks.AtLeast(Steps, 1);
        OptionChecks.Positive(LearningRate);
        OptionChecks.RowsAtOnce(Starts);
    }
}
