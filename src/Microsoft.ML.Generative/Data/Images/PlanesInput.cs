using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Rows;

namespace Microsoft.ML.Generative.Data.Images;

/// <summary>Reads vectors as planes of bytes: one array for each row.</summary>
internal sealed class PlanesInput(TensorColumn column) : RowInput<byte[][]>(column.Name)
{
    protected override InputBuffer<byte[][]> OpenBuffer(DataViewRow row, int slots) => new Buffer(new PlaneRowReader(column, row), slots);

    private sealed class Buffer(PlaneRowReader reader, int slots) : InputBuffer<byte[][]>
    {
        private readonly byte[][] _rows = new byte[slots][];

        public override void Read(int slot)
        {
            reader.Read();
            _rows[slot] = [.. reader.Planes];
        }

        public override ulong Hash(int slot, ulong seed) => RowNoise.Hash(_rows[slot], seed);

        public override byte[][] Take(int count) => _rows[..count];
    }
}
