using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Data.Batches;

/// <summary>Rows in memory, one tensor a column.</summary>
internal sealed class MemoryTensorSource(IReadOnlyList<TensorColumn> columns, torch.Tensor[] rows, long count) : TensorSource
{
    private readonly List<TensorBatches> _batches = [];
    private string? _fingerprint;

    public override long Count => count;

    public override string Fingerprint => _fingerprint ??= ComputeFingerprint();

    /// <summary>The rows of a column as read: [rows, ..row shape flattened], Byte, Float32 or Int64.</summary>
    public torch.Tensor this[int column] => rows[column];

    public override IBatchSource Batches(int batchSize, bool shuffle, long seed, torch.Device device)
    {
        var batches = new TensorBatches(
            [.. columns.Select(c => (Func<torch.Tensor, torch.Tensor>)(r => c.ToNetworkInput(r, device)))],
            () => rows, count, batchSize, shuffle ? seed : null, () => Fingerprint);
        _batches.Add(batches);
        return batches;
    }

    public override void Dispose()
    {
        foreach (TensorBatches batches in _batches)
            batches.Dispose();
        foreach (torch.Tensor column in rows)
            column.Dispose();
    }

    private string ComputeFingerprint()
    {
        using var fingerprint = new RowFingerprint(columns);
        for (int i = 0; i < columns.Count; i++)
            TensorPieces.Write(rows[i], bytes => fingerprint.Add(i, bytes));
        return fingerprint.Finish(count);
    }
}
