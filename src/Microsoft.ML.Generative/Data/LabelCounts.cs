using Microsoft.ML.Data;

namespace Microsoft.ML.Generative;

/// <summary>How many classes a label column has.</summary>
internal static class LabelCounts
{
    /// <summary>The number that the options give, or that the key column tells; 0 where there is no column.</summary>
    /// <param name="schema">Where to look for the column.</param>
    /// <param name="columnName">The column, if there is one.</param>
    /// <param name="wanted">What the option LabelCount says.</param>
    /// <exception cref="ArgumentException">The column is missing, does not tell its classes, or has more than the option says.</exception>
    public static int Find(DataViewSchema schema, string? columnName, int? wanted)
    {
        if (columnName is null)
            return 0;

        ulong? count = (ColumnTypes.Find(schema, columnName).Type as KeyDataViewType)?.Count;
        if (wanted is { } known)
            return count is null || count <= (ulong)known ? known
                : throw new ArgumentException($"Column '{columnName}' has {count} classes; LabelCount is {known}.");
        return checked((int)(count ?? throw new ArgumentException(
            $"Column '{columnName}' does not tell how many classes it has: set LabelCount, or make a key of it with MapValueToKey.")));
    }
}
