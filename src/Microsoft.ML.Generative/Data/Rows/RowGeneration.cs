using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Data.Rows;

/// <summary>Computes rows that no data view holds, in batches.</summary>
internal static class RowGeneration
{
    /// <param name="host">Stops between batches when its context is canceled.</param>
    /// <param name="count">The rows.</param>
    /// <param name="width">Values of a row.</param>
    /// <param name="rowsAtOnce">Rows of a batch.</param>
    /// <param name="compute">From the first row and the number of rows to [rows, ..values], Float32.</param>
    /// <param name="cancellation">Stops between batches.</param>
    /// <returns>The values, row by row.</returns>
    /// <exception cref="InvalidOperationException">A value is NaN or infinite.</exception>
    public static float[] Compute(
        IHost host, int count, int width, int rowsAtOnce, Func<int, int, torch.Tensor> compute, CancellationToken cancellation = default)
    {
        float[] values = new float[checked(count * width)];
        using IDisposable noGradient = torch.no_grad();
        for (int start = 0; start < count; start += rowsAtOnce)
        {
            host.CheckAlive();
            cancellation.ThrowIfCancellationRequested();
            using DisposeScope scope = torch.NewDisposeScope();
            int rows = Math.Min(rowsAtOnce, count - start);
            float[] batch = TensorMemory.ToArray<float>(compute(start, rows));
            FiniteValues.Check(batch, index => $"Generated row {start + index / width}");
            batch.CopyTo(values, checked(start * width));
        }

        return values;
    }
}
