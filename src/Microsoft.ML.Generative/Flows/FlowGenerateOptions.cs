using Microsoft.ML.Generative.Conditions;

namespace Microsoft.ML.Generative;

/// <summary>Options of <see cref="FlowTransformer.Generate"/>.</summary>
public sealed class FlowGenerateOptions
{
    /// <summary>The same seed generates the same rows. Default: the context's seed, or a new one each time.</summary>
    public int? Seed { get; set; }

    /// <summary>Scale of the latent noise, 0 to 100: below 1 generates more typical rows. Default: 1.</summary>
    public double Temperature { get; set; } = 1;

    /// <summary>
    /// The class of all rows, from 0 (a key column's values count from 1: the first is 0 here); models with labels need it, or
    /// <see cref="LabelName"/>. Default: none.
    /// </summary>
    public int? Label { get; set; }

    /// <summary>
    /// The name of the class of all rows, one of <see cref="FlowTransformer.ClassNames"/>, in place of <see cref="Label"/>. Default: none.
    /// </summary>
    public string? LabelName { get; set; }

    internal ConditionRequest Conditions => new(Label) { LabelName = LabelName };
}
