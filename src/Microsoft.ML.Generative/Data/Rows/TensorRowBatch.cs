using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Interop;
using TorchSharp;

namespace Microsoft.ML.Generative.Data.Rows;

/// <summary>Computes columns from columns that are tensors, many rows at a time.</summary>
/// <param name="inputs">The columns read.</param>
/// <param name="row">The row or cursor that they are read from.</param>
/// <param name="outputs">The columns written: scalars or vectors of Single or Int32, or keys.</param>
/// <param name="activeOutput">Whether an output is wanted.</param>
/// <param name="slots">How many rows are computed at once.</param>
/// <param name="device">Where they are computed.</param>
/// <param name="compute">Computes one tensor [rows, values a row] for each output column that is active, in their order.</param>
internal sealed class TensorRowBatch(
    IReadOnlyList<TensorColumn> inputs,
    DataViewRow row,
    IReadOnlyList<DataViewSchema.DetachedColumn> outputs,
    Func<int, bool> activeOutput,
    int slots,
    torch.Device device,
    Func<RowInputs, IReadOnlyList<torch.Tensor>> compute) : IRowBatch
{
    private readonly RowReader[] _readers = [.. inputs.Select(i => i.Open(row))];
    private readonly byte[][] _inputs = [.. inputs.Select(i => new byte[checked(i.RowBytes * slots)])];
    private readonly int[] _active = [.. Enumerable.Range(0, outputs.Count).Where(activeOutput)];
    private readonly OutputBuffer?[] _outputs = [.. outputs.Select((o, i) => activeOutput(i) ? OutputBuffer.Create(o, slots) : null)];

    public void Read(int slot)
    {
        for (int i = 0; i < _readers.Length; i++)
            _readers[i].Read(_inputs[i].AsSpan(slot * inputs[i].RowBytes, inputs[i].RowBytes));
    }

    public void Run(int count)
    {
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();

        var columns = new torch.Tensor[inputs.Count];
        for (int i = 0; i < columns.Length; i++)
        {
            torch.Tensor rows = torch.empty([count, inputs[i].Elements], dtype: inputs[i].Type);
            _inputs[i].AsSpan(0, count * inputs[i].RowBytes).CopyTo(rows.bytes);
            columns[i] = inputs[i].ToNetworkInput(rows, device);
        }

        IReadOnlyList<torch.Tensor> results = compute(new RowInputs(new TensorBatch(count, columns), inputs, _inputs));
        for (int i = 0; i < _active.Length; i++)
            _outputs[_active[i]]!.Take(results[i]);
    }

    public Delegate MakeGetter(int output, Func<int> slot) => _outputs[output]!.MakeGetter(slot);
}

/// <summary>The rows to compute: as tensors, and as the bytes they were read as.</summary>
internal readonly struct RowInputs(TensorBatch batch, IReadOnlyList<TensorColumn> columns, byte[][] bytes)
{
    public TensorBatch Batch { get; } = batch;

    /// <summary>
    /// Standard normal noise [rows, width] that depends on each row's own content and the seed, so that a row's result does not
    /// depend on the rows computed with it, nor on how often it is computed.
    /// </summary>
    public torch.Tensor Noise(int width, long seed)
    {
        torch.Tensor noise = torch.empty([Batch.Rows, width], dtype: torch.ScalarType.Float32);
        Span<float> values = MemoryMarshal.Cast<byte, float>(noise.bytes);
        long[] keys = Keys(seed, Enumerable.Range(0, bytes.Length));
        for (int row = 0; row < Batch.Rows; row++)
            RowNoise.Fill(values.Slice(row * width, width), new RowRandom(keys[row], 0));
        return noise;
    }

    /// <summary>A number for each row that depends on its content in some of the columns and on the seed.</summary>
    public long[] Keys(long seed, IEnumerable<int> inputs)
    {
        long[] keys = new long[Batch.Rows];
        for (int row = 0; row < keys.Length; row++)
        {
            ulong key = (ulong)seed;
            foreach (int i in inputs)
                key = RowNoise.Hash(bytes[i].AsSpan(row * columns[i].RowBytes, columns[i].RowBytes), key);
            keys[row] = (long)key;
        }

        return keys;
    }
}
