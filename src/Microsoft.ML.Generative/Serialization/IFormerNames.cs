namespace Microsoft.ML.Generative.Serialization;

/// <summary>A module that had other names for some of its parts or tensors in files of older versions, which are still read.</summary>
internal interface IFormerNames
{
    /// <summary>Former names, each with the present one.</summary>
    IReadOnlyDictionary<string, string> FormerNames { get; }
}
