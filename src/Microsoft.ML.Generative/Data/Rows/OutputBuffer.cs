using System.Runtime.InteropServices;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Data.Rows;

/// <summary>Computed values of one output column, row by row.</summary>
internal abstract class OutputBuffer
{
    /// <summary>Computes the values of a batch.</summary>
    public abstract void Compute(RowBatch batch);

    /// <summary>A <see cref="ValueGetter{TValue}"/> that copies from the slot that is current when it is called.</summary>
    public abstract Delegate MakeGetter(Func<int> slot);
}

internal sealed class NumberBuffer<T>(
    string column, Func<RowBatch, torch.Tensor> compute, torch.ScalarType type, int? vectorSize, int slots) : OutputBuffer
    where T : unmanaged
{
    private readonly T[] _values = new T[checked(slots * (vectorSize ?? 1))];

    public override void Compute(RowBatch batch)
    {
        torch.Tensor values = compute(batch).to(type).cpu().contiguous();
        if (type == torch.float32)
        {
            FiniteValues.Check(
                MemoryMarshal.Cast<byte, float>(values.bytes),
                index => $"Row {batch.Positions[index / (vectorSize ?? 1)]} of column {Quoted.Text(column)}");
        }

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

internal sealed class TextBuffer(Func<RowBatch, IReadOnlyList<string>> compute, int slots) : OutputBuffer
{
    private readonly string[] _texts = new string[slots];

    public override void Compute(RowBatch batch)
    {
        IReadOnlyList<string> texts = compute(batch);
        for (int i = 0; i < batch.Count; i++)
            _texts[i] = texts[i];
    }

    public override Delegate MakeGetter(Func<int> slot) =>
        (ValueGetter<ReadOnlyMemory<char>>)((ref ReadOnlyMemory<char> value) => value = _texts[slot()].AsMemory());
}
