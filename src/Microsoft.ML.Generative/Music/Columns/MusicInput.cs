using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Rows;

namespace Microsoft.ML.Generative.Music.Columns;

/// <summary>Reads pieces of music.</summary>
internal sealed class MusicInput : RowInput<IReadOnlyList<NoteSequence>>
{
    /// <exception cref="ArgumentException">The column is missing or holds no music.</exception>
    public MusicInput(DataViewSchema schema, string name)
        : base(name) => Check(SchemaShape.Create(schema), name);

    /// <summary>Checks that a schema promises a column of music.</summary>
    /// <exception cref="ArgumentException">It does not.</exception>
    public static void Check(SchemaShape schema, string name)
    {
        if (!schema.TryFindColumn(name, out SchemaShape.Column column))
        {
            throw ColumnTypes.Mismatch(
                $"Column '{name}' is missing. The data has: {string.Join(", ", schema.Select(c => c.Name))}.");
        }

        if (column.Kind != SchemaShape.Column.VectorKind.Scalar || column.ItemType is not NoteSequenceDataViewType)
            throw ColumnTypes.Mismatch($"Column '{name}' has type {column.GetTypeString()}; expected {nameof(NoteSequence)}.");
    }

    /// <summary>Reads all rows of a column, one at a time.</summary>
    /// <exception cref="ArgumentException">The column is missing or holds no music; thrown before the first piece is read.</exception>
    public static IEnumerable<NoteSequence> Read(IDataView data, string name)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentException.ThrowIfNullOrEmpty(name);
        Check(SchemaShape.Create(data.Schema), name);
        return Rows();

        IEnumerable<NoteSequence> Rows()
        {
            DataViewSchema.Column column = data.Schema[name];
            using DataViewRowCursor cursor = data.GetRowCursor([column]);
            Func<NoteSequence> piece = Open(cursor, column);
            while (cursor.MoveNext())
                yield return piece();
        }
    }

    protected override InputBuffer<IReadOnlyList<NoteSequence>> OpenBuffer(DataViewRow row, int slots) =>
        new Buffer(Open(row, row.Schema[Name]), slots);

    private static Func<NoteSequence> Open(DataViewRow row, DataViewSchema.Column column)
    {
        ValueGetter<NoteSequence?> getter = row.GetGetter<NoteSequence?>(column);
        return () =>
        {
            NoteSequence? piece = null;
            getter(ref piece);
            return piece
                ?? throw new InvalidDataException($"Row {row.Position} of column {Quoted.Text(column.Name)} has no piece of music.");
        };
    }

    private sealed class Buffer(Func<NoteSequence> piece, int slots) : InputBuffer<IReadOnlyList<NoteSequence>>
    {
        private readonly NoteSequence[] _pieces = new NoteSequence[slots];

        public override void Read(int slot) => _pieces[slot] = piece();

        public override ulong Hash(int slot, ulong seed)
        {
            NoteSequence read = _pieces[slot];
            long[] values = [read.TicksPerQuarter, .. read.Notes.SelectMany(note => (long[])[
                note.Pitch, note.Start, note.Duration, note.Velocity, note.Instrument, note.Channel, note.Voice])];
            return RowNoise.Hash(MemoryMarshal.AsBytes<long>(values), seed);
        }

        public override IReadOnlyList<NoteSequence> Take(int count) => _pieces[..count];
    }
}
