using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Data.Columns;

/// <summary>
/// What the classes of a label column stand for: a key column's values, the numbers of a number column, or false and true.
/// </summary>
/// <param name="Type">The type of the values.</param>
/// <param name="Values">The values in the order of the classes, as invariant text.</param>
internal sealed record ClassLabels(DataKind Type, string[] Values)
{
    private const int NamesShown = 20;

    // The rest of a configuration is small.
    private const int MaxBytes = ModelConfigJson.MaxBytes / 8 * 5;

    /// <summary>The values of a Boolean column.</summary>
    public static ClassLabels Booleans { get; } = new(DataKind.Boolean, [bool.FalseString, bool.TrueString]);

    /// <summary>Whether the classes stand for their own numbers, from 0.</summary>
    [JsonIgnore]
    public bool AreNumbersFromZero =>
        Type is not (DataKind.String or DataKind.Boolean)
        && Values.Select((value, i) => value == i.ToString(CultureInfo.InvariantCulture)).All(isNumber => isNumber);

    /// <summary>The classes of a column, or <see langword="null"/> for keys that stand for nothing.</summary>
    /// <exception cref="ArgumentException">The values are of a type that models do not keep, or more than they can keep.</exception>
    public static ClassLabels? Of(DataViewSchema.Column column, int count)
    {
        ClassLabels? labels = column.Type switch
        {
            KeyDataViewType => OfKeys(column),
            BooleanDataViewType => Booleans,
            _ => new ClassLabels(DataKind.Int32, [.. Enumerable.Range(0, count).Select(i => i.ToString(CultureInfo.InvariantCulture))]),
        };
        if (labels is null)
            return null;
        if (labels.Values.GroupBy(value => value).FirstOrDefault(same => same.Skip(1).Any()) is { } twice)
        {
            throw new ArgumentException(
                $"Column '{column.Name}' has the key value {Quoted.Text(twice.Key)} more than once; expected different ones.");
        }

        int bytes = JsonSerializer.SerializeToUtf8Bytes(labels, ModelConfigJson.Options).Length;
        return bytes <= MaxBytes ? labels
            : throw new ArgumentException(
                $"The key values of column '{column.Name}' take {bytes:N0} bytes; expected at most {MaxBytes:N0}.");
    }

    /// <summary>The values of a key column, or <see langword="null"/> for keys that stand for nothing.</summary>
    /// <exception cref="ArgumentException">The values are of a type that models do not keep.</exception>
    public static ClassLabels? OfKeys(DataViewSchema.Column column)
    {
        if (column.Annotations.Schema.GetColumnOrNull(AnnotationUtils.Kinds.KeyValues)?.Type is not VectorDataViewType type)
            return null;
        DataKind kind = KindOf(type.ItemType, column.Name);
        return new ClassLabels(
            kind, kind == DataKind.String ? Read<ReadOnlyMemory<char>>(column, v => v.ToString()) : ReadNumbers(column, kind));
    }

    /// <summary>
    /// The type of the values that a column's classes will stand for, before there is data; <see langword="null"/> for keys that stand for
    /// nothing.
    /// </summary>
    public static PrimitiveDataViewType? TypeOf(SchemaShape.Column column)
    {
        if (!column.IsKey)
            return column.ItemType is BooleanDataViewType ? BooleanDataViewType.Instance : NumberDataViewType.Int32;
        if (!column.Annotations.TryFindColumn(AnnotationUtils.Kinds.KeyValues, out SchemaShape.Column values))
            return null;
        KindOf(values.ItemType, column.Name);
        return (PrimitiveDataViewType)values.ItemType;
    }

    /// <summary>The number of the class with a name, or −1.</summary>
    public int IndexOf(string name) => Array.IndexOf(Values, name);

    /// <summary>The names for an error message, the first of them if there are many.</summary>
    public override string ToString() =>
        string.Join(
            ", ", Values.Take(NamesShown).Select(v => Quoted.Text(v)))
            + (Values.Length > NamesShown ? $", … ({Values.Length:N0} in all)" : "");

    /// <exception cref="ArgumentException">There are more or fewer classes, or a value is not of the type.</exception>
    public void Check(int count)
    {
        if (Values.Length != count)
            throw new ArgumentException($"{Values.Length} labels cannot be combined with {count} classes");
        AddTo(new DataViewSchema.Annotations.Builder(), AnnotationUtils.Kinds.KeyValues);
    }

    /// <summary>The key values of a column of these classes.</summary>
    public DataViewSchema.Annotations ToAnnotations()
    {
        var builder = new DataViewSchema.Annotations.Builder();
        AddTo(builder, AnnotationUtils.Kinds.KeyValues);
        return builder.ToAnnotations();
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

            annotations.Add(
                kind, new VectorDataViewType(type, values.Length),
                (ref VBuffer<T> all) => new VBuffer<T>(values.Length, values).CopyTo(ref all));
        }
    }

    /// <summary>Adds the values as texts.</summary>
    public void AddNamesTo(DataViewSchema.Annotations.Builder annotations) =>
        (this with { Type = DataKind.String }).AddTo(annotations, AnnotationUtils.Kinds.SlotNames);

    private static DataKind KindOf(DataViewType type, string column)
    {
        DataKind? kind = type is TextDataViewType ? DataKind.String : type is BooleanDataViewType ? DataKind.Boolean
            : type is NumberDataViewType && Enum.TryParse(type.RawType.Name, out DataKind number) ? number : null;
        return kind ?? throw ColumnTypes.Mismatch($"Column '{column}' has key values of type {type}; expected text, numbers or Boolean.");
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
