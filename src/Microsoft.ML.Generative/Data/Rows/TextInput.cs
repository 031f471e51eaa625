using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;

namespace Microsoft.ML.Generative.Data.Rows;

/// <summary>Reads texts.</summary>
internal sealed class TextInput : RowInput<IReadOnlyList<string>>
{
    /// <exception cref="ArgumentException">The column is missing or is no text.</exception>
    public TextInput(DataViewSchema schema, string name)
        : base(name) => ColumnTypes.CheckText(SchemaShape.Create(schema), name);

    protected override InputBuffer<IReadOnlyList<string>> OpenBuffer(DataViewRow row, int slots) =>
        new Buffer(row, row.Schema[Name], slots);

    private sealed class Buffer(DataViewRow row, DataViewSchema.Column column, int slots) : InputBuffer<IReadOnlyList<string>>
    {
        private readonly Func<string> _text = TextColumn.Open(row, column);
        private readonly string[] _texts = new string[slots];

        public override void Read(int slot) => _texts[slot] = _text();

        public override ulong Hash(int slot, ulong seed) => RowNoise.Hash(MemoryMarshal.AsBytes<char>(_texts[slot]), seed);

        public override IReadOnlyList<string> Take(int count) => _texts[..count];
    }
}
