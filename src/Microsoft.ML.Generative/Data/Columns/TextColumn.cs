using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Data.Columns;

/// <summary>Reads the texts of a column.</summary>
internal static class TextColumn
{
    /// <summary>Opens a column of a row; each call of the result returns the text of the current row.</summary>
    public static Func<string> Open(DataViewRow row, DataViewSchema.Column column)
    {
        ValueGetter<ReadOnlyMemory<char>> getter = row.GetGetter<ReadOnlyMemory<char>>(column);
        ReadOnlyMemory<char> text = default;
        return () =>
        {
            getter(ref text);
            return text.ToString();
        };
    }

    /// <summary>Reads all rows, one at a time.</summary>
    /// <exception cref="ArgumentException">The column is missing or not of type text; thrown before the first text is read.</exception>
    public static IEnumerable<string> Read(IDataView data, string name)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentException.ThrowIfNullOrEmpty(name);
        DataViewSchema.Column column = ColumnTypes.Find(data.Schema, name);
        if (column.Type is not TextDataViewType)
            throw ColumnTypes.Mismatch($"Column '{name}' has type {column.Type}; expected text.");
        return Rows(data, column);
    }

    private static IEnumerable<string> Rows(IDataView data, DataViewSchema.Column column)
    {
        using DataViewRowCursor cursor = data.GetRowCursor([column]);
        Func<string> text = Open(cursor, column);
        while (cursor.MoveNext())
            yield return text();
    }
}
