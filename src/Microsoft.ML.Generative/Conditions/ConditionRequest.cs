namespace Microsoft.ML.Generative.Conditions;

/// <summary>The conditions that a caller asks for.</summary>
/// <param name="Label">The class of all rows, from 0.</param>
/// <param name="Labels">The classes row by row, in place of <paramref name="Label"/>.</param>
/// <param name="Image">The image of all rows, values in 0..1, plane by plane.</param>
internal readonly record struct ConditionRequest(int? Label = null, IReadOnlyList<int>? Labels = null, float[]? Image = null)
{
    /// <summary>Whether a class is asked for.</summary>
    public bool HasLabel => Label is not null || Labels is { Count: > 0 };
}
