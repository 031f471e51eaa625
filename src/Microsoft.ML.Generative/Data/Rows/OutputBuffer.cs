using System.Runtime.InteropServices;
using Microsoft.ML.Data;
using TorchSharp;

namespace Microsoft.ML.Generative.Data.Rows;

/// <summary>Computed values of one output column, row by row: Single, or Int32 or keys where the column's type says so.</summary>
internal abstract class OutputBuffer
{
    public static OutputBuffer Create(DataViewSchema.DetachedColumn column, int slots)
    {
        var vector = column.Type as VectorDataViewType;
        return (vector?.ItemType ?? column.Type) switch
        {
            KeyDataViewType => new OutputBuffer<uint>(torch.int32, vector?.Size, slots),
            NumberDataViewType type when type == NumberDataViewType.Int32 => new OutputBuffer<int>(torch.int32, vector?.Size, slots),
            _ => new OutputBuffer<float>(torch.float32, vector?.Size, slots),
        };
    }

    /// <summary>Copies the rows computed, [rows, ..values], of any number type.</summary>
    public abstract void Take(torch.Tensor rows);

    public abstract Delegate MakeGetter(Func<int> slot);
}

internal sealed class OutputBuffer<T>(torch.ScalarType type, int? vectorSize, int slots) : OutputBuffer
    where T : unmanaged
{
    private readonly T[] _values = new T[checked(slots * (vectorSize ?? 1))];

    public override void Take(torch.Tensor rows)
    {
        torch.Tensor values = rows.to(type).cpu().contiguous();
        MemoryMarshal.Cast<byte, T>(values.bytes).CopyTo(_values);
    }

    public override Delegate MakeGetter(Func<int> slot)
    {
        if (vectorSize is not { } width)
            return (ValueGetter<T>)((ref T value) => value = _values[slot()]);

        return (ValueGetter<VBuffer<T>>)((ref VBuffer<T> value) =>
        {
            ReadOnlySpan<T> source = _values.AsSpan(slot() * width, width);
            VBufferEditor<T> editor = VBufferEditor.Create(ref value, width);
            source.CopyTo(editor.Values);
            value = editor.Commit();
        });
    }
}
