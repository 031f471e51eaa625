using Microsoft.ML.Generative.Interop;

namespace Microsoft.ML.Generative.Data.Rows;

/// <summary>Computes a text from a text, many rows at a time.</summary>
/// <param name="row">The row or cursor that they are read from.</param>
/// <param name="input">The column read.</param>
/// <param name="slots">How many rows are computed at once.</param>
/// <param name="compute">Computes a text for each text, in their order; it is told the texts' rows too.</param>
internal sealed class TextRowBatch(
    DataViewRow row, DataViewSchema.Column input, int slots, Func<IReadOnlyList<string>, IReadOnlyList<long>, IReadOnlyList<string>> compute) : IRowBatch
{
    private readonly ValueGetter<ReadOnlyMemory<char>> _getter = row.GetGetter<ReadOnlyMemory<char>>(input);
    private readonly string[] _inputs = new string[slots];
    private readonly long[] _rows = new long[slots];
    private readonly string[] _outputs = new string[slots];

    public void Read(int slot)
    {
        ReadOnlyMemory<char> text = default;
        _getter(ref text);
        (_inputs[slot], _rows[slot]) = (text.ToString(), row.Position);
    }

    public void Run(int count)
    {
        IReadOnlyList<string> results = compute(_inputs[..count], _rows[..count]);
        for (int i = 0; i < count; i++)
            _outputs[i] = results[i];
    }

    public Delegate MakeGetter(int output, Func<int> slot) =>
        (ValueGetter<ReadOnlyMemory<char>>)((ref ReadOnlyMemory<char> value) => value = _outputs[slot()].AsMemory());
}
