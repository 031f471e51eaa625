namespace Microsoft.ML.Generative;

/// <summary>
/// Which biases are trained with <see cref="LoraOptions">low-rank adapters</see>. The outputs of a model without the adapter stay as
/// they are in any case.
/// </summary>
public enum LoraBias
{
    /// <summary>None.</summary>
    None,

    /// <summary>All of the network.</summary>
    All,

    /// <summary>Those of the layers that have adapters.</summary>
    LoraOnly,
}
