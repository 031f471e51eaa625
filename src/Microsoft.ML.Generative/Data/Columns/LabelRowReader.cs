using System.Numerics;
using System.Runtime.InteropServices;
using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Data.Columns;

/// <summary>Reads class labels as integers from 0.</summary>
internal static class LabelRowReader
{
    public static bool IsLabel(DataViewType type) => type is KeyDataViewType || type is NumberDataViewType && IsInteger(type.RawType);

    public static RowReader Open(TensorColumn column, DataViewRow row, int index, long classCount)
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
            _ => throw new ArgumentException($"Column '{column.Name}' has type {row.Schema[index].Type}; expected a key or an integer type."),
        };

        RowReader Make<T>()
            where T : unmanaged, IBinaryInteger<T> => new LabelRowReader<T>(column, row, index, classCount);
    }

    private static bool IsInteger(Type type) => Type.GetTypeCode(type) is >= TypeCode.SByte and <= TypeCode.UInt64;
}

internal sealed class LabelRowReader<T>(TensorColumn column, DataViewRow row, int index, long classCount) : RowReader(column, row)
    where T : unmanaged, IBinaryInteger<T>
{
    private readonly ValueGetter<T> _getter = row.GetGetter<T>(row.Schema[index]);

    // Keys count from 1 and keep 0 for a missing value.
    private readonly bool _isKey = row.Schema[index].Type is KeyDataViewType;

    public override void Read(Span<byte> destination)
    {
        T value = default;
        _getter(ref value);
        if (_isKey && T.IsZero(value))
            throw Refuse("the label is missing.");

        Int128 label = Int128.CreateChecked(value) - (_isKey ? 1 : 0);
        if (label < 0 || label >= classCount)
            throw Refuse($"the label is {value}; expected {(_isKey ? 1 : 0)} to {classCount - (_isKey ? 0 : 1)}.");
        MemoryMarshal.Write(destination, (long)label);
    }
}
