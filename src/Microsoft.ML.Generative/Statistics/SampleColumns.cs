using System.Runtime.InteropServices;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Columns;

namespace Microsoft.ML.Generative.Statistics;

/// <summary>Reads columns as samples of discrete or continuous variables.</summary>
internal static class SampleColumns
{
    public const string DiscreteTypes = "a key, integer, Boolean or text column";

    /// <exception cref="ArgumentException">The column is missing, or neither discrete nor continuous.</exception>
    public static bool IsDiscrete(DataViewSchema schema, string name)
    {
        DataViewType type = ColumnTypes.Find(schema, name).Type;
        if (type is BooleanDataViewType or TextDataViewType || LabelRowReader.IsInteger(type))
            return true;
        DataViewType item = type is VectorDataViewType { IsKnownSize: true } vector ? vector.ItemType : type;
        return item is NumberDataViewType && (item.RawType == typeof(float) || item.RawType == typeof(double)) ? false
            : throw new ArgumentException(
                $"Column '{name}' has type {type}; expected {DiscreteTypes}, or Single, Double or a known-size vector of them.");
    }

    /// <summary>Numbers a discrete column's values from 0 in the order in which they appear.</summary>
    public static Func<int> OpenCodes(DataViewRow row, string name)
    {
        DataViewSchema.Column column = row.Schema[name];
        Type type = column.Type.RawType;
        return Type.GetTypeCode(type) switch
        {
            TypeCode.Byte => Open<byte>(),
            TypeCode.UInt16 => Open<ushort>(),
            TypeCode.UInt32 => Open<uint>(),
            TypeCode.UInt64 => Open<ulong>(),
            TypeCode.SByte => Open<sbyte>(),
            TypeCode.Int16 => Open<short>(),
            TypeCode.Int32 => Open<int>(),
            TypeCode.Int64 => Open<long>(),
            TypeCode.Boolean => Open<bool>(),
            _ => OpenText(),
        };

        Func<int> Open<T>()
            where T : unmanaged
        {
            ValueGetter<T> getter = row.GetGetter<T>(column);
            bool isKey = column.Type is KeyDataViewType;
            Dictionary<T, int> codes = [];
            T value = default;
            return () =>
            {
                getter(ref value);
                if (isKey && EqualityComparer<T>.Default.Equals(value, default))
                    throw new InvalidDataException($"Column '{name}', row {row.Position}: the key is missing.");
                return Code(codes, value);
            };
        }

        Func<int> OpenText()
        {
            Func<string> text = TextColumn.Open(row, column);
            Dictionary<string, int> codes = new(StringComparer.Ordinal);
            return () => Code(codes, text());
        }
    }

    public static void Count(List<long> counts, int code)
    {
        if (code == counts.Count)
            counts.Add(0);
        counts[code]++;
    }

    public static (ContinuousSample First, ContinuousSample Second) ReadContinuous(IDataView data, string firstName, string secondName)
    {
        using DataViewRowCursor cursor = data.GetRowCursor([data.Schema[firstName], data.Schema[secondName]]);
        (List<double>[] First, Action Read) first = OpenValues(cursor, firstName);
        (List<double>[] Second, Action Read) second = OpenValues(cursor, secondName);
        while (cursor.MoveNext())
        {
            first.Read();
            second.Read();
        }

        return (Sample(firstName, first.First), Sample(secondName, second.Second));
    }

    public static (ContinuousSample Sample, int[] Classes, int[] ClassSizes) ReadMixed(
        IDataView data, string continuousName, string discreteName)
    {
        using DataViewRowCursor cursor = data.GetRowCursor([data.Schema[continuousName], data.Schema[discreteName]]);
        (List<double>[] dimensions, Action read) = OpenValues(cursor, continuousName);
        Func<int> code = OpenCodes(cursor, discreteName);
        List<int> classes = [];
        List<long> sizes = [];
        while (cursor.MoveNext())
        {
            read();
            classes.Add(code());
            Count(sizes, classes[^1]);
        }

        ContinuousSample sample = Sample(continuousName, dimensions);
        int single = sizes.IndexOf(1);
        if (single >= 0)
            throw new ArgumentException(
                $"Column '{discreteName}', row {classes.IndexOf(single)}: the value occurs once only; expected at least two rows of "
                + "each, to have a neighbor.");
        return (sample, [.. classes], [.. sizes.Select(size => (int)size)]);
    }

    private static int Code<T>(Dictionary<T, int> codes, T value)
        where T : notnull
    {
        ref int code = ref CollectionsMarshal.GetValueRefOrAddDefault(codes, value, out bool known);
        if (!known)
            code = codes.Count - 1;
        return code;
    }

    private static ContinuousSample Sample(string name, List<double>[] dimensions)
    {
        if (dimensions[0].Count == 0)
            throw EmptyTable.Error([name], "compare");
        return new ContinuousSample($"Column '{name}'", [.. dimensions.Select(values => values.ToArray())]);
    }

    private static (List<double>[] Dimensions, Action Read) OpenValues(DataViewRow row, string name)
    {
        DataViewType type = row.Schema[name].Type;
        return (type is VectorDataViewType vector ? vector.ItemType : type).RawType == typeof(float)
            ? Open<float>(value => value)
            : Open<double>(value => value);

        (List<double>[], Action) Open<T>(Func<T, double> convert)
            where T : unmanaged
        {
            List<double>[] dimensions =
                [.. Enumerable.Range(0, ColumnTypes.FeatureCount(row.Schema[name])).Select(_ => new List<double>())];
            if (type is VectorDataViewType)
            {
                ValueGetter<VBuffer<T>> getVector = row.GetGetter<VBuffer<T>>(row.Schema[name]);
                VBuffer<T> buffer = default;
                return (dimensions, () =>
                {
                    getVector(ref buffer);
                    foreach ((int slot, T value) in buffer.Items(all: true))
                        dimensions[slot].Add(convert(value));
                }
                );
            }

            ValueGetter<T> getter = row.GetGetter<T>(row.Schema[name]);
            T single = default;
            return (dimensions, () =>
            {
                getter(ref single);
                dimensions[0].Add(convert(single));
            }
            );
        }
    }
}
