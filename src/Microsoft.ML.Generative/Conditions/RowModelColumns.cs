using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;

namespace Microsoft.ML.Generative.Conditions;

/// <summary>The columns that a model of rows reads: the rows, and perhaps the class of each.</summary>
internal abstract record RowModelColumns
{
    public required string Input { get; init; }

    public string? Label { get; init; }

    /// <summary>What the classes stand for; <see langword="null"/>: their numbers alone.</summary>
    public ClassLabels? Classes { get; init; }

    /// <summary>The names of a row's values, if they have some.</summary>
    public string[]? Slots { get; init; }

    /// <summary>The model's conditions, in these columns.</summary>
    /// <exception cref="ArgumentException">There are classes without a column, or a column without classes.</exception>
    public ConditionSet Conditions(int labelCount) => new(LabelCondition.Create(Label, labelCount, classes: Classes));

    /// <exception cref="ArgumentException">A name is empty, or two outputs have the same.</exception>
    public virtual void Validate()
    {
        OptionChecks.NotEmpty(Input);
        OptionChecks.NullOrNotEmpty(Label);
    }
}
