namespace Microsoft.ML.Generative.Conditions;

/// <summary>The conditions that a caller asks for.</summary>
/// <param name="Label">The class of all rows, from 0.</param>
/// <param name="Labels">The classes row by row, in place of <paramref name="Label"/>.</param>
/// <param name="Image">The image of all rows, values in 0..1, plane by plane.</param>
internal readonly record struct ConditionRequest(int? Label = null, IReadOnlyList<int>? Labels = null, float[]? Image = null)
{
    /// <summary>The name of the class of all rows, in place of its number.</summary>
    public string? LabelName { get; init; }

    /// <summary>The names of the classes row by row, in place of their numbers.</summary>
    public IReadOnlyList<string>? LabelNames { get; init; }

    /// <summary>Whether a class is asked for.</summary>
    public bool HasLabel => Label is not null || Labels is { Count: > 0 } || LabelName is not null || LabelNames is { Count: > 0 };

    /// <summary>What is asked for as a class: the options that are given, and the values of each.</summary>
    public IEnumerable<(string Option, object[] Values, bool IsPerRow)> GivenLabels
    {
        get
        {
            if (Label is { } label)
                yield return (nameof(Label), [label], false);
            if (Labels is { } labels)
                yield return (nameof(Labels), [.. labels], true);
            if (LabelName is { } name)
                yield return (nameof(LabelName), [name], false);
            if (LabelNames is { } names)
                yield return (nameof(LabelNames), [.. names], true);
        }
    }
}
