using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Data.Columns;

/// <summary>How many classes a label column has.</summary>
internal static class LabelCounts
{
    /// <summary>The number in the options, or that of the key column's values; 0 where there is no column.</summary>
    /// <param name="schema">Where to look for the column.</param>
    /// <param name="columnName">The column, if there is one.</param>
    /// <param name="wanted">What the option LabelCount says.</param>
    /// <exception cref="ArgumentException">The column is missing, its type has no number of classes, or it has more than the option says.</exception>
    public static int Find(DataViewSchema schema, string? columnName, int? wanted)
    {
        if (columnName is null)
            return 0;

        ulong? count = (ColumnTypes.Find(schema, columnName).Type as KeyDataViewType)?.Count;
        if (wanted is { } known)
            return count is null || count <= (ulong)known ? known
                : throw new ArgumentException($"Column '{columnName}' has {count} classes; LabelCount is {known}.");
        return checked((int)(count ?? throw new ArgumentException(
            $"Column '{columnName}' has a type without a number of classes: set LabelCount, or make a key of it with MapValueToKey.")));
    }

    /// <summary>Checks that a model has classes where its options name a column of them.</summary>
    /// <exception cref="ArgumentException">It has, and they do not, or the other way round.</exception>
    public static void CheckColumn(int labelCount, string? columnName)
    {
        if (labelCount < 0 || labelCount > 0 != columnName is not null)
            throw new ArgumentException($"{labelCount} labels cannot be combined with the label column '{columnName}'");
    }

    /// <summary>Checks labels that a user asks a model to generate.</summary>
    /// <param name="labels">The labels.</param>
    /// <param name="labelCount">Classes that the model knows; 0: none.</param>
    /// <param name="isNeeded">Whether a model with classes needs one.</param>
    /// <param name="parameterName">Where they were given.</param>
    /// <exception cref="ArgumentException">A label is missing, too high or not wanted.</exception>
    public static void Check(IReadOnlyCollection<int> labels, int labelCount, bool isNeeded, string parameterName)
    {
        if (labels.Count > 0 && labelCount == 0)
            throw new ArgumentException($"The label {labels.First()} was given, but the model was trained without labels.", parameterName);
        if (labels.Count == 0 && labelCount > 0 && isNeeded)
            throw new ArgumentException($"The model was trained with labels: expected one of 0 to {labelCount - 1}.", parameterName);
        foreach (int label in labels)
        {
            if (label < 0 || label >= labelCount)
                throw new ArgumentException($"The label is {label}; expected 0 to {labelCount - 1}.", parameterName);
        }
    }

    /// <inheritdoc cref="Check(IReadOnlyCollection{int}, int, bool, string)"/>
    public static void Check(int? label, int labelCount, string parameterName) =>
        Check(label is { } one ? [one] : Array.Empty<int>(), labelCount, isNeeded: true, parameterName);
}
