using System.Runtime.InteropServices;

namespace Microsoft.ML.Generative.Data.Rows;

/// <summary>The rows that are computed together.</summary>
/// <param name="positions">The position of each row in its cursor.</param>
/// <param name="inputs">The columns as read.</param>
internal sealed class RowBatch(IReadOnlyList<long> positions, IReadOnlyDictionary<RowInput, InputBuffer> inputs)
{
    private readonly Dictionary<object, object?> _values = [];

    public int Count => positions.Count;

    /// <summary>The position of each row in its cursor, for errors.</summary>
    public IReadOnlyList<long> Positions => positions;

    /// <summary>The value that belongs to a key in this batch, computed when it is first asked for.</summary>
    public T Once<T>(object key, Func<T> compute)
    {
        if (!_values.TryGetValue(key, out object? value))
        {
            value = compute();
            _values.Add(key, value);
        }

        return (T)value!;
    }

    public InputBuffer BufferOf(RowInput input) => inputs[input];

    /// <summary>
    /// A number for each row that depends on its content in some columns and on the seed, so that what is sampled by it depends neither on
    /// the rows computed with it nor on how often it is computed.
    /// </summary>
    public long[] Keys(long seed, params IEnumerable<RowInput?> columns)
    {
        long[] keys = new long[Count];
        Array.Fill(keys, seed);
        foreach (RowInput column in columns.OfType<RowInput>())
            BufferOf(column).Hash(MemoryMarshal.Cast<long, ulong>(keys.AsSpan()));
        return keys;
    }
}
