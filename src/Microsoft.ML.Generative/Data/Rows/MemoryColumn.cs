using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Data.Rows;

/// <summary>A column of values in memory.</summary>
/// <param name="column">Name, type and annotations.</param>
/// <param name="rows">The number of rows.</param>
/// <param name="open">Makes the <see cref="ValueGetter{TValue}"/> of the row that is current when it is called.</param>
internal sealed class MemoryColumn(DataViewSchema.DetachedColumn column, int rows, Func<Func<int>, Delegate> open)
{
    public DataViewSchema.DetachedColumn Column { get; } = column;

    public int Rows { get; } = rows;

    public Delegate MakeGetter(Func<int> row) => open(row);

    /// <summary>The column with some of the rows.</summary>
    /// <param name="places">Which.</param>
    public MemoryColumn Take(int[] places) => new(Column, places.Length, row => open(() => places[row()]));

    /// <summary>Numbers.</summary>
    /// <param name="name">The column.</param>
    /// <param name="values">The values.</param>
    public static MemoryColumn Singles(string name, float[] values) => new(
        new(name, NumberDataViewType.Single), values.Length, row => (ValueGetter<float>)((ref float value) => value = values[row()]));

    /// <summary>Vectors.</summary>
    /// <param name="name">The column.</param>
    /// <param name="type">Its type.</param>
    /// <param name="values">The values row by row: a multiple of the type's size.</param>
    /// <param name="annotations">What the column says of itself.</param>
    public static MemoryColumn Vectors(string name, VectorDataViewType type, float[] values, DataViewSchema.Annotations? annotations = null)
    {
        int width = type.Size;
        return new MemoryColumn(
            new(name, type, annotations), values.Length / width, row => (ValueGetter<VBuffer<float>>)((ref VBuffer<float> value) =>
        {
            ReadOnlySpan<float> source = values.AsSpan(row() * width, width);
            VBufferEditor<float> editor = VBufferEditor.Create(ref value, width);
            source.CopyTo(editor.Values);
            value = editor.Commit();
        }));
    }

    /// <summary>Keys.</summary>
    /// <param name="name">The column.</param>
    /// <param name="keys">From 1; 0 is a missing one.</param>
    /// <param name="count">How many different keys there can be.</param>
    /// <param name="annotations">What the column says of itself.</param>
    public static MemoryColumn Keys(string name, uint[] keys, int count, DataViewSchema.Annotations? annotations) => new(
        new(name, new KeyDataViewType(typeof(uint), count), annotations), keys.Length,
        row => (ValueGetter<uint>)((ref uint key) => key = keys[row()]));
}
