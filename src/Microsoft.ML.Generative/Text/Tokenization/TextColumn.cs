using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Columns;

namespace Microsoft.ML.Generative.Text.Tokenization;

/// <summary>Reads the texts of a column, one row at a time.</summary>
internal static class TextColumn
{
    /// <exception cref="ArgumentException">
    /// The column is missing or not of type text; thrown before the first text is asked for.
    /// </exception>
    public static IEnumerable<string> Read(IDataView data, string name)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentException.ThrowIfNullOrEmpty(name);
        DataViewSchema.Column column = ColumnTypes.Find(data.Schema, name);
        if (column.Type is not TextDataViewType)
            throw new ArgumentException($"Column '{name}' has type {column.Type}; expected text.");
        return Rows(data, column);
    }

    private static IEnumerable<string> Rows(IDataView data, DataViewSchema.Column column)
    {
        using DataViewRowCursor cursor = data.GetRowCursor([column]);
        ValueGetter<ReadOnlyMemory<char>> getter = cursor.GetGetter<ReadOnlyMemory<char>>(column);
        ReadOnlyMemory<char> text = default;
        while (cursor.MoveNext())
        {
            getter(ref text);
            yield return text.ToString();
        }
    }
}
