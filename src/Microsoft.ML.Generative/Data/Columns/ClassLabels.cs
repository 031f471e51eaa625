using System.Globalization;
using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Data.Columns;

/// <summary>What the classes of a label column stand for: a key column's values, or the numbers of an integer column.</summary>
/// <param name="Type">The type of the values.</param>
/// <param name="Values">The values in the order of the classes, as invariant text.</param>
internal sealed record ClassLabels(DataKind Type, string[] Values)
{
    /// <summary>The classes of a column, or <see langword="null"/> for keys that stand for nothing.</summary>
    /// <exception cref="ArgumentException">The values are of a type that models do not keep.</exception>
    public static ClassLabels? Of(DataViewSchema.Column column, int count)
    {
        if (column.Type is not KeyDataViewType)
            return new ClassLabels(DataKind.Int32, [.. Enumerable.Range(0, count).Select(i => i.ToString(CultureInfo.InvariantCulture))]);
        if (column.Annotations.Schema.GetColumnOrNull(AnnotationUtils.Kinds.KeyValues)?.Type is not VectorDataViewType type)
            return null;
        DataKind kind = KindOf(type.ItemType, column.Name);
        return new ClassLabels(kind, kind == DataKind.String ? Read<ReadOnlyMemory<char>>(column, v => v.ToString()) : ReadNumbers(column, kind));
    }

    /// <summary>The type of the values that a column's classes will stand for, before there is data; <see langword="null"/> for keys that stand for nothing.</summary>
    public static PrimitiveDataViewType? TypeOf(SchemaShape.Column column)
    {
        if (!column.IsKey)
            return NumberDataViewType.Int32;
        if (!column.Annotations.TryFindColumn(AnnotationUtils.Kinds.KeyValues, out SchemaShape.Column values))
            return null;
        KindOf(values.ItemType, column.Name);
        return (PrimitiveDataViewType)values.ItemType;
    }

    /// <summary>Adds the values to a column's annotations.</summary>
    public void AddTo(DataViewSchema.Annotations.Builder annotations, string kind)
    {
        switch (Type)
        {
            case DataKind.String: Add(v => v.AsMemory(), TextDataViewType.Instance); break;
            case DataKind.Boolean: Add(bool.Parse, BooleanDataViewType.Instance); break;
            case DataKind.SByte: AddNumbers<sbyte>(NumberDataViewType.SByte); break;
            case DataKind.Byte: AddNumbers<byte>(NumberDataViewType.Byte); break;
            case DataKind.Int16: AddNumbers<short>(NumberDataViewType.Int16); break;
            case DataKind.UInt16: AddNumbers<ushort>(NumberDataViewType.UInt16); break;
            case DataKind.Int32: AddNumbers<int>(NumberDataViewType.Int32); break;
            case DataKind.UInt32: AddNumbers<uint>(NumberDataViewType.UInt32); break;
            case DataKind.Int64: AddNumbers<long>(NumberDataViewType.Int64); break;
            case DataKind.UInt64: AddNumbers<ulong>(NumberDataViewType.UInt64); break;
            case DataKind.Single: AddNumbers<float>(NumberDataViewType.Single); break;
            case DataKind.Double: AddNumbers<double>(NumberDataViewType.Double); break;
            default: throw new ArgumentException($"classes have labels of type {Type}; expected text, a number or Boolean");
        }

        void AddNumbers<T>(PrimitiveDataViewType type)
            where T : IParsable<T> => Add(v => T.Parse(v, CultureInfo.InvariantCulture), type);

        void Add<T>(Func<string, T> parse, PrimitiveDataViewType type)
        {
            T[] values;
            try
            {
                values = [.. Values.Select(parse)];
            }
            catch (Exception e) when (e is FormatException or OverflowException)
            {
                throw new ArgumentException($"a class has a label that is no {Type}: {e.Message}", e);
            }

            annotations.Add(kind, new VectorDataViewType(type, values.Length), (ref VBuffer<T> all) => new VBuffer<T>(values.Length, values).CopyTo(ref all));
        }
    }

    /// <summary>Adds the values as texts.</summary>
    public void AddNamesTo(DataViewSchema.Annotations.Builder annotations) => (this with { Type = DataKind.String }).AddTo(annotations, AnnotationUtils.Kinds.SlotNames);

    private static DataKind KindOf(DataViewType type, string column)
    {
        DataKind? kind = type is TextDataViewType ? DataKind.String : type is BooleanDataViewType ? DataKind.Boolean
            : type is NumberDataViewType && Enum.TryParse(type.RawType.Name, out DataKind number) ? number : null;
        return kind ?? throw new ArgumentException($"Column '{column}' has key values of type {type}; expected text, numbers or Boolean.");
    }

    private static string[] ReadNumbers(DataViewSchema.Column column, DataKind kind) => kind switch
    {
        DataKind.Boolean => Read<bool>(column, v => v.ToString()),
        DataKind.SByte => ReadNumbers<sbyte>(column),
        DataKind.Byte => ReadNumbers<byte>(column),
        DataKind.Int16 => ReadNumbers<short>(column),
        DataKind.UInt16 => ReadNumbers<ushort>(column),
        DataKind.Int32 => ReadNumbers<int>(column),
        DataKind.UInt32 => ReadNumbers<uint>(column),
        DataKind.Int64 => ReadNumbers<long>(column),
        DataKind.UInt64 => ReadNumbers<ulong>(column),
        DataKind.Single => ReadNumbers<float>(column),
        _ => ReadNumbers<double>(column),
    };

    private static string[] ReadNumbers<T>(DataViewSchema.Column column)
        where T : IFormattable => Read<T>(column, v => v.ToString(null, CultureInfo.InvariantCulture));

    private static string[] Read<T>(DataViewSchema.Column column, Func<T, string> text)
    {
        VBuffer<T> values = default;
        column.GetKeyValues(ref values);
        return [.. values.DenseValues().Select(text)];
    }
}
