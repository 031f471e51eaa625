using System.Numerics;
using System.Runtime.InteropServices;

namespace Microsoft.ML.Generative.Statistics;

/// <summary>Reads tables with a row for each value of one variable and a column for each value of another.</summary>
internal static class Tables
{
    /// <summary>All cells, row by row.</summary>
    public static ReadOnlySpan<T> Cells<T>(T[,] table) =>
        table.Length == 0 ? default : MemoryMarshal.CreateReadOnlySpan(ref table[0, 0], table.Length);

    /// <summary>The sums of the rows and those of the columns.</summary>
    public static (T[] Rows, T[] Columns) Margins<T>(T[,] table)
        where T : INumber<T>
    {
        var rows = new T[table.GetLength(0)];
        var columns = new T[table.GetLength(1)];
        for (int i = 0; i < rows.Length; i++)
        {
            for (int j = 0; j < columns.Length; j++)
            {
                rows[i] += table[i, j];
                columns[j] += table[i, j];
            }
        }

        return (rows, columns);
    }
}
