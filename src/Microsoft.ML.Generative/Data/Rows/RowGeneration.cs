using System.Globalization;
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
    /// <inheritdoc cref="CheckSize" path="/exception"/>
    /// <exception cref="InvalidOperationException">A value is NaN or infinite.</exception>
    public static float[] Compute(
        IHost host, int count, int width, int rowsAtOnce, Func<int, int, torch.Tensor> compute, CancellationToken cancellation = default)
    {
        CheckSize(count, width);
        float[] values = new float[count * width];
        using IDisposable noGradient = torch.no_grad();
        for (int start = 0; start < count; start += rowsAtOnce)
        {
            host.CheckAlive();
            cancellation.ThrowIfCancellationRequested();
            using DisposeScope scope = torch.NewDisposeScope();
            int rows = Math.Min(rowsAtOnce, count - start);
            float[] batch = TensorMemory.ToArray<float>(compute(start, rows));
            FiniteValues.Check(batch, index => $"Generated row {start + index / width}");
            batch.CopyTo(values, start * width);
        }

        return values;
    }

    /// <summary>Checks that the rows fit in memory.</summary>
    /// <param name="count">The rows.</param>
    /// <param name="width">Values of a row.</param>
    /// <param name="name">The parameter that asks for them.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// The rows are more than an array or the memory that the process may use can hold.
    /// </exception>
    public static void CheckSize(long count, int width, string name = "count")
    {
        long most = Math.Min(Array.MaxLength, MemoryLimit.Bytes / sizeof(float)) / width;
        if (count > most)
        {
            string rows = string.Create(CultureInfo.InvariantCulture, $"rows of {width:N0} values");
            throw TooMany(name, count, rows, (long)width * sizeof(float), most);
        }
    }

    /// <summary>Checks that so many texts can be held.</summary>
    /// <param name="count">The texts.</param>
    /// <exception cref="ArgumentOutOfRangeException">The texts take more memory than the process may use.</exception>
    public static void CheckTexts(int count)
    {
        const int LeastBytes = 128;
        long most = MemoryLimit.Bytes / LeastBytes;
        if (count > most)
            throw TooMany(nameof(count), count, "texts", LeastBytes, most);
    }

    private static ArgumentOutOfRangeException TooMany(string name, long count, string rows, long rowBytes, long most) => new(
        name, count, string.Create(
            CultureInfo.InvariantCulture,
            $"{name} is {count}: {count:N0} {rows} take {MemoryLimit.Describe((Int128)count * rowBytes)}; "
            + $"at most {most:N0} can be held at once."));
}
