using Microsoft.ML.Generative.Data.Batches;
using TorchSharp;

namespace Microsoft.ML.Generative.Training.Reporting;

/// <summary>Rows of the data that a preview shows beside the model's versions of them.</summary>
internal static class PreviewRows
{
    private const int Count = 8;

    /// <summary>The columns of the first rows, up to eight; the caller disposes of them.</summary>
    public static torch.Tensor[] First(TensorSource data, torch.Device device)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        IBatchSource batches = data.Batches(Count, shuffle: false, seed: 0, device);
        batches.StartEpoch(0);
        return [.. batches.Next().Columns.Select(c => c.clone().DetachFromDisposeScope())];
    }
}
