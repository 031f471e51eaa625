using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative;

/// <summary>How a trained generator draws.</summary>
/// <example>
/// <code>
/// GanTransformer model = mlContext.Transforms.Generative().Gan("Image", "Label").Fit(data);
/// IDataView threes = model.Generate(16, new() { Seed = 7, Label = 3, Truncation = 1 });
/// </code>
/// </example>
public sealed class GanGenerateOptions
{
    /// <summary>The same seed draws the same rows. Default: the context's seed, or a new one each time.</summary>
    public int? Seed { get; set; }

    /// <summary>
    /// The class to draw, from 0 (a key column's values count from 1: the first is 0 here); models with labels need it, or <see cref="Labels"/>. Default: none.
    /// </summary>
    public int? Label { get; set; }

    /// <summary>Classes one by one, as many as rows, in place of <see cref="Label"/>. Default: none.</summary>
    public IReadOnlyList<int>? Labels { get; set; }

    /// <summary>
    /// How far the values of z may be from 0, at least 0.01; those beyond are drawn again (the truncation trick; Brock et al. 2018, section 3.1): lower draws
    /// rows that are more usual and vary less. Default: none.
    /// </summary>
    public double? Truncation { get; set; }

    /// <summary>Rows that go through the network at once, at least 1. The rows do not depend on it, up to rounding. Default: <see cref="GanOptions.TransformBatchSize"/>.</summary>
    public int? BatchSize { get; set; }

    /// <summary>Stops the drawing within a batch.</summary>
    public CancellationToken CancellationToken { get; set; }

    internal void Validate()
    {
        OptionChecks.AtLeast(Truncation, GanOptions.LowestTruncation);
        OptionChecks.AtLeast(BatchSize, 1);
        if (Label is not null && Labels is not null)
            throw new ArgumentException($"{nameof(Label)} and {nameof(Labels)} are both given; expected one of them.", nameof(Labels));
    }
}

/// <summary>How a trained generator finds the z of a given row.</summary>
public sealed class GanProjectOptions
{
    /// <summary>The class of the row, from 0; models with labels need it. Default: none.</summary>
    public int? Label { get; set; }

    /// <summary>Steps of Adam, at least 1. Default: 300.</summary>
    public int Steps { get; set; } = 300;

    /// <summary>Adam's first learning rate, above 0; it falls to 0 on half a cosine. Default: 0.05.</summary>
    public double LearningRate { get; set; } = 0.05;

    /// <summary>Draws of z from which the best is taken to begin with, at least 1. Default: 64.</summary>
    public int Starts { get; set; } = 64;

    /// <summary>The seed of these draws. Default: the context's seed, or a new one each time.</summary>
    public int? Seed { get; set; }

    /// <summary>Stops the search within a step.</summary>
    public CancellationToken CancellationToken { get; set; }

    internal void Validate()
    {
        OptionChecks.AtLeast(Steps, 1);
        OptionChecks.Positive(LearningRate);
        OptionChecks.Between(Starts, 1, BatchTransformer.MaxRowsAtOnce);
    }
}
