using System.Numerics;
using System.Runtime.InteropServices;
using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Data.Columns;

/// <summary>Reads class labels as integers from 0.</summary>
internal abstract class LabelRowReader(
    TensorColumn column, DataViewRow row, int index, long classCount, IReadOnlyDictionary<long, int>? classes)
    : RowReader(column, row)
{
    public const string Types = "a key or an integer type, Boolean, or whole numbers of Single or Double";

    // Keys count from 1 and keep 0 for a missing value.
    private readonly bool _isKey = row.Schema[index].Type is KeyDataViewType;

    /// <summary>Whether a column's values are keys or integers.</summary>
    public static bool IsInteger(DataViewType type) =>
        type is KeyDataViewType || type is NumberDataViewType && Type.GetTypeCode(type.RawType) is >= TypeCode.SByte and <= TypeCode.UInt64;

    /// <summary>Whether a column's values can be labels: those that are whole numbers, too.</summary>
    public static bool IsLabel(DataViewType type) =>
        IsInteger(type) || type is BooleanDataViewType || type == NumberDataViewType.Single || type == NumberDataViewType.Double;

    /// <summary>Opens a column.</summary>
    /// <param name="column">The column.</param>
    /// <param name="row">The row or cursor.</param>
    /// <param name="index">The column's index in it.</param>
    /// <param name="classCount">Labels must be below this number.</param>
    /// <param name="classes">The class of each value, as <see cref="LabelMapping"/> finds them.</param>
    public static RowReader Open(TensorColumn column, DataViewRow row, int index, long classCount, IReadOnlyDictionary<long, int>? classes)
    {
        Type type = row.Schema[index].Type.RawType;
        return Type.GetTypeCode(type) switch
        {
            TypeCode.Byte => Make<byte>(),
            TypeCode.UInt16 => Make<ushort>(),
            TypeCode.UInt32 => Make<uint>(),
            TypeCode.UInt64 => Make<ulong>(),
            TypeCode.SByte => Make<sbyte>(),
            TypeCode.Int16 => Make<short>(),
            TypeCode.Int32 => Make<int>(),
            TypeCode.Int64 => Make<long>(),
            TypeCode.Boolean => new BooleanLabelRowReader(column, row, index, classCount, classes),
            TypeCode.Single => new FloatLabelRowReader<float>(column, row, index, classCount, classes),
            TypeCode.Double => new FloatLabelRowReader<double>(column, row, index, classCount, classes),
            _ => throw ColumnTypes.Mismatch($"Column '{column.Name}' has type {row.Schema[index].Type}; expected {Types}."),
        };

        RowReader Make<T>()
            where T : unmanaged, IBinaryInteger<T> => new IntegerLabelRowReader<T>(column, row, index, classCount, classes);
    }

    protected void Write(Span<byte> destination, Int128 value)
    {
        if (_isKey && value == 0)
            throw Missing();

        Int128 label = value - (_isKey ? 1 : 0);
        if (classes is not null)
            label = label == (long)label && classes.TryGetValue((long)label, out int number) ? number
                : throw Refuse(
                    $"the label is {value}; expected one of {string.Join(", ", classes.Keys.Select(key => key + (_isKey ? 1 : 0)))}.");
        if (label < 0 || label >= classCount)
            throw Refuse($"the label is {value}; expected {(_isKey ? 1 : 0)} to {classCount - (_isKey ? 0 : 1)}.");
        MemoryMarshal.Write(destination, (long)label);
    }

    protected InvalidDataException Missing() => Refuse("the label is missing.");
}

internal sealed class IntegerLabelRowReader<T>(
    TensorColumn column, DataViewRow row, int index, long classCount, IReadOnlyDictionary<long, int>? classes)
    : LabelRowReader(column, row, index, classCount, classes)
    where T : unmanaged, IBinaryInteger<T>
{
    private readonly ValueGetter<T> _getter = row.GetGetter<T>(row.Schema[index]);

    public override void Read(Span<byte> destination)
    {
        T value = default;
        _getter(ref value);
        Write(destination, Int128.CreateChecked(value));
    }
}

internal sealed class BooleanLabelRowReader(
    TensorColumn column, DataViewRow row, int index, long classCount, IReadOnlyDictionary<long, int>? classes)
    : LabelRowReader(column, row, index, classCount, classes)
{
    private readonly ValueGetter<bool> _getter = row.GetGetter<bool>(row.Schema[index]);

    public override void Read(Span<byte> destination)
    {
        bool value = default;
        _getter(ref value);
        Write(destination, value ? 1 : 0);
    }
}

internal sealed class FloatLabelRowReader<T>(
    TensorColumn column, DataViewRow row, int index, long classCount, IReadOnlyDictionary<long, int>? classes)
    : LabelRowReader(column, row, index, classCount, classes)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly ValueGetter<T> _getter = row.GetGetter<T>(row.Schema[index]);

    public override void Read(Span<byte> destination)
    {
        T value = default;
        _getter(ref value);
        if (T.IsNaN(value))
            throw Missing();
        Write(
            destination,
            T.IsInteger(value) ? Int128.CreateSaturating(value) : throw Refuse($"the label is {value}; expected a whole number."));
    }
}
