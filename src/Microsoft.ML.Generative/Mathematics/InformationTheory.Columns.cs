using System.Globalization;
using Microsoft.ML.Data;

namespace Microsoft.ML.Generative;

public static partial class InformationTheory
{
    /// <summary>The joint distribution of two columns, by counting: a row for each value of the first, a column for each of the second.</summary>
    /// <param name="data">The data.</param>
    /// <param name="firstColumnName">A column of discrete values: a key, an integer, a boolean or text.</param>
    /// <param name="secondColumnName">Another one, or the same.</param>
    /// <returns>Shares that sum to 1; values in the order in which the rows first have them.</returns>
    /// <exception cref="ArgumentException">A column is missing or of another type, or the data is empty.</exception>
    public static double[,] JointDistribution(IDataView data, string firstColumnName, string secondColumnName)
    {
        ArgumentNullException.ThrowIfNull(data);
        DataViewSchema.Column first = ColumnTypes.Find(data.Schema, firstColumnName);
        DataViewSchema.Column second = ColumnTypes.Find(data.Schema, secondColumnName);
        using DataViewRowCursor cursor = data.GetRowCursor([first, second]);
        Func<int> nextFirst = Numbered(cursor, first, out Func<int> firstCount);
        Func<int> nextSecond = Numbered(cursor, second, out Func<int> secondCount);

        var counts = new Dictionary<(int, int), long>();
        long rows = 0;
        for (; cursor.MoveNext(); rows++)
        {
            (int, int) cell = (nextFirst(), nextSecond());
            counts[cell] = counts.GetValueOrDefault(cell) + 1;
        }

        if (rows == 0)
            throw new ArgumentException("The data is empty: no row to count.");
        double[,] joint = new double[firstCount(), secondCount()];
        foreach (((int i, int j), long count) in counts)
            joint[i, j] = (double)count / rows;
        return joint;
    }

    /// <summary>The mutual information of two columns of discrete values: what one tells of the other.</summary>
    /// <param name="data">The data.</param>
    /// <param name="firstColumnName">A column of discrete values: a key, an integer, a boolean or text.</param>
    /// <param name="secondColumnName">Another one.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>
    /// That of the rows' shares. Few rows overstate it: by about (r − 1)(c − 1) / 2n nats for independent columns of r and c values in n rows
    /// (Miller, "Note on the bias of information estimates", 1955).
    /// </returns>
    /// <exception cref="ArgumentException">A column is missing or of another type, or the data is empty.</exception>
    public static double ColumnMutualInformation(IDataView data, string firstColumnName, string secondColumnName, InformationUnit unit = InformationUnit.Nats) =>
        MutualInformation(JointDistribution(data, firstColumnName, secondColumnName), unit);

    // Numbers the values of a column as they come.
    private static Func<int> Numbered(DataViewRow row, DataViewSchema.Column column, out Func<int> count)
    {
        Type type = column.Type.RawType;
        bool isDiscrete = column.Type is KeyDataViewType or TextDataViewType or BooleanDataViewType || LabelRowReader.IsLabel(column.Type);
        if (!isDiscrete)
            throw new ArgumentException($"Column '{column.Name}' has type {column.Type}; expected a key, an integer, a boolean or text.");

        var numbers = new Dictionary<string, int>(StringComparer.Ordinal);
        count = () => numbers.Count;
        Func<string> next = Type.GetTypeCode(type) switch
        {
            TypeCode.Boolean => Reader<bool>(),
            TypeCode.Byte => Reader<byte>(),
            TypeCode.UInt16 => Reader<ushort>(),
            TypeCode.UInt32 => Reader<uint>(),
            TypeCode.UInt64 => Reader<ulong>(),
            TypeCode.SByte => Reader<sbyte>(),
            TypeCode.Int16 => Reader<short>(),
            TypeCode.Int32 => Reader<int>(),
            TypeCode.Int64 => Reader<long>(),
            _ => Reader<ReadOnlyMemory<char>>(),
        };
        return () =>
        {
            string value = next();
            if (!numbers.TryGetValue(value, out int number))
                numbers.Add(value, number = numbers.Count);
            return number;
        };

        Func<string> Reader<T>()
        {
            ValueGetter<T> getter = row.GetGetter<T>(column);
            T value = default!;
            return () =>
            {
                getter(ref value);
                return Convert.ToString(value is ReadOnlyMemory<char> text ? text.ToString() : value, CultureInfo.InvariantCulture)!;
            };
        }
    }
}
