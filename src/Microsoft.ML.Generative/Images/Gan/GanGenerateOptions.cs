using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Conditions;

namespace Microsoft.ML.Generative;

/// <summary>Options of generation with a trained generator.</summary>
/// <example>
/// <code>
/// GanTransformer model = mlContext.Transforms.Generative().Gan("Image", labelColumnName: "Label").Fit(data);
/// IDataView threes = model.Generate(16, new() { Seed = 7, Label = 3, Truncation = 1 });
/// </code>
/// </example>
public sealed class GanGenerateOptions
{
    /// <summary>The same seed generates the same rows. Default: the context's seed, or a new one each time.</summary>
    public int? Seed { get; set; }

    /// <summary>
    /// The class of all rows, from 0 (a key column's values count from 1: the first is 0 here); models with labels need it, or
    /// <see cref="Labels"/>. Default: none.
    /// </summary>
    public int? Label { get; set; }

    /// <summary>The class of each row, in place of <see cref="Label"/>. Default: none.</summary>
    public IReadOnlyList<int>? Labels { get; set; }

    /// <summary>
    /// The name of the class of all rows, one of <see cref="GanTransformer.ClassNames"/>, in place of <see cref="Label"/>. Default: none.
    /// </summary>
    public string? LabelName { get; set; }

    /// <summary>The name of the class of each row, in place of <see cref="Label"/>. Default: none.</summary>
    public IReadOnlyList<string>? LabelNames { get; set; }

    /// <summary>
    /// How far the values of z may be from 0, 0.01 to 100; those beyond are sampled again (the truncation trick; Brock et al. 2018,
    /// section 3.1): lower values generate rows that are more typical and vary less. Default: none.
    /// </summary>
    public double? Truncation { get; set; }

    /// <summary>
    /// The number of rows that are generated at once, at least 1. The rows do not depend on it, up to rounding. Default:
    /// <see cref="GanOptions.TransformBatchSize"/>.
    /// </summary>
    public int? BatchSize { get; set; }

    /// <summary>Stops the generation between batches.</summary>
    public CancellationToken CancellationToken { get; set; }

    internal ConditionRequest Conditions => new(Label, Labels) { LabelName = LabelName, LabelNames = LabelNames };

    internal void Validate()
    {
        OptionChecks.NoiseScale(Truncation ?? 1, GanOptions.LowestTruncation, nameof(Truncation));
        OptionChecks.AtLeast(BatchSize, 1);
    }
}
