using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using TorchSharp;

namespace Microsoft.ML.Generative.Data.Rows;

/// <summary>Reads features, images, labels or seeds as the network's input: [rows, ..row shape].</summary>
internal sealed class TensorInput(TensorColumn column, torch.Device device) : RowInput<torch.Tensor>(column.Name)
{
    /// <summary>Reads several columns.</summary>
    public static TensorInput[] All(IEnumerable<TensorColumn> columns, torch.Device device) =>
        [.. columns.Select(column => new TensorInput(column, device))];

    protected override InputBuffer<torch.Tensor> OpenBuffer(DataViewRow row, int slots) => new Buffer(column, device, row, slots);

    private sealed class Buffer(TensorColumn column, torch.Device device, DataViewRow row, int slots) : InputBuffer<torch.Tensor>
    {
        private readonly RowReader _reader = column.Open(row);
        private readonly byte[] _bytes = new byte[checked(column.RowBytes * slots)];

        public override void Read(int slot) => _reader.Read(Row(slot));

        public override ulong Hash(int slot, ulong seed) => RowNoise.Hash(Row(slot), seed);

        public override void Hash(Span<ulong> seeds) => RowNoise.Hash(_bytes.AsSpan(0, seeds.Length * column.RowBytes), seeds);

        public override torch.Tensor Take(int count)
        {
            torch.Tensor rows = torch.empty([count, column.Elements], dtype: column.Type);
            _bytes.AsSpan(0, count * column.RowBytes).CopyTo(rows.bytes);
            return column.ToNetworkInput(rows, device);
        }

        private Span<byte> Row(int slot) => _bytes.AsSpan(slot * column.RowBytes, column.RowBytes);
    }
}
