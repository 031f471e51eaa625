using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Data.Columns;

/// <summary>How many classes a label column has.</summary>
internal static class LabelCounts
{
    /// <summary>
    /// The number that the options give, or that the column has: of a key its type's, of Boolean 2, of Single and Double the highest and
    /// one.
    /// </summary>
    /// <param name="data">The data, of which the column is read where it alone knows.</param>
    /// <param name="columnName">The column.</param>
    /// <param name="wanted">What the option LabelCount says.</param>
    /// <exception cref="ArgumentException">
    /// The column is missing, has a type without a number of classes, or has more than the option says.
    /// </exception>
    public static int Find(IDataView data, string columnName, int? wanted)
    {
        DataViewSchema.Column column = ColumnTypes.Find(data.Schema, columnName);
        ulong? count = column.Type switch
        {
            KeyDataViewType key => key.Count,
            BooleanDataViewType => 2,
            _ => null,
        };
        if (wanted is { } known)
            return count is null || count <= (ulong)known ? known
                : throw ColumnTypes.Mismatch($"Column '{columnName}' has {count} classes; LabelCount is {known}.");
        if (count is null && !LabelRowReader.IsInteger(column.Type))
            return FindHighest(data, columnName) + 1;
        return checked((int)(count ?? throw ColumnTypes.Mismatch(
            $"Column '{columnName}' has a type without a number of classes: set LabelCount, or make a key of it with MapValueToKey.")));
    }

    // As ML.NET's trainers do, which take labels of Single.
    private static int FindHighest(IDataView data, string columnName)
    {
        using DataViewRowCursor cursor = data.GetRowCursor([data.Schema[columnName]]);
        RowReader reader = TensorColumn.Label(data.Schema, columnName, int.MaxValue).Open(cursor);
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        long highest = -1;
        while (cursor.MoveNext())
        {
            reader.Read(bytes);
            highest = Math.Max(highest, BitConverter.ToInt64(bytes));
        }

        return highest >= 0 ? (int)highest : throw EmptyTable.Error([columnName]);
    }
}
