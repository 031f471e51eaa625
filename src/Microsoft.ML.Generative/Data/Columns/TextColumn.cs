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

    /// <summary>Passes on the texts of columns, of which a tokenizer is to be made.</summary>
    /// <exception cref="ArgumentException">None has more than white space; thrown behind the last text.</exception>
    public static IEnumerable<string> RequireText(IEnumerable<string> texts, params IReadOnlyList<string> columns)
    {
        bool isBlank = true;
        foreach (string text in texts)
        {
            isBlank = isBlank && string.IsNullOrWhiteSpace(text);
            yield return text;
        }

        if (isBlank)
        {
            throw new ArgumentException(
                $"{(columns.Count == 1 ? "Column" : "Columns")} {string.Join(", ", columns.Select(name => $"'{name}'"))} "
                + $"{(columns.Count == 1 ? "has" : "have")} no text in any row; expected text to make a tokenizer of.");
        }
    }

    private static IEnumerable<string> Rows(IDataView data, DataViewSchema.Column column)
    {
        using DataViewRowCursor cursor = data.GetRowCursor([column]);
        Func<string> text = Open(cursor, column);
        while (cursor.MoveNext())
            yield return text();
    }
}
