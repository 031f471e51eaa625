namespace Microsoft.ML.Generative;

/// <summary>Options of <see cref="FlowTransformer.Generate"/>.</summary>
public sealed class FlowGenerateOptions
{
    /// <summary>The same seed generates the same rows. Default: the context's seed, or a new one each time.</summary>
    public int? Seed { get; set; }

    /// <summary>Scale of the latent noise, at least 0: below 1 generates more typical rows. Default: 1.</summary>
    public double Temperature { get; set; } = 1;

    /// <summary>
    /// The class to generate, from 0 (a key column's values count from 1: the first is 0 here); for models with labels, which need it.
    /// Default: none.
    /// </summary>
    public int? Label { get; set; }
}
