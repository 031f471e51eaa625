using System.Numerics;

namespace Microsoft.ML.Generative.Layers.Kernels;

/// <summary>Sums of rows.</summary>
internal static unsafe class RowSums
{
    /// <summary>Adds a row to another.</summary>
    /// <param name="row">[count]; the sum afterwards.</param>
    /// <param name="added">[count].</param>
    /// <param name="count">Values.</param>
    public static void Add(float* row, float* added, int count)
    {
        int i = 0;
        for (; i <= count - Vector<float>.Count; i += Vector<float>.Count)
            (Vector.Load(row + i) + Vector.Load(added + i)).Store(row + i);
        for (; i < count; i++)
            row[i] += added[i];
    }
}
