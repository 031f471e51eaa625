using System.Numerics.Tensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Runtime;

/// <summary>Values that a network computed leave the library only if they are finite.</summary>
internal static class FiniteValues
{
    /// <param name="values">The values.</param>
    /// <param name="describe">Says what the value at an index is, as the beginning of a sentence: "Row 3 of column 'Score'".</param>
    /// <exception cref="InvalidOperationException">A value is NaN or infinite.</exception>
    public static void Check(ReadOnlySpan<float> values, Func<int, string> describe)
    {
        // The largest magnitude is NaN where one value is.
        if (values.IsEmpty || float.IsFinite(TensorPrimitives.MaxMagnitude(values)))
            return;
        int index = 0;
        while (float.IsFinite(values[index]))
            index++;
        throw NotFinite(describe(index), values[index]);
    }

    /// <summary>The same value, a sum or mean over rows.</summary>
    /// <param name="value">The value.</param>
    /// <param name="what">What it is, as the beginning of a sentence: "The loss".</param>
    /// <exception cref="InvalidOperationException">It is NaN or infinite.</exception>
    public static double Checked(double value, string what) => double.IsFinite(value) ? value : throw NotFinite(what, (float)value);

    /// <summary>The same tensor, from which whole numbers follow that do not show what they come from.</summary>
    /// <inheritdoc cref="ToArray"/>
    public static torch.Tensor Checked(torch.Tensor tensor, string what)
    {
        if (!tensor.isfinite().all().ToBoolean())
            _ = ToArray(tensor, what);
        return tensor;
    }

    /// <summary>The elements of a tensor on the CPU, copied into an array.</summary>
    /// <param name="tensor">Float32.</param>
    /// <param name="what">What they are, as the beginning of a sentence: "The latent vector".</param>
    /// <exception cref="InvalidOperationException">A value is NaN or infinite.</exception>
    public static float[] ToArray(torch.Tensor tensor, string what)
    {
        float[] values = TensorMemory.ToArray<float>(tensor);
        Check(values, _ => what);
        return values;
    }

    private static InvalidOperationException NotFinite(string what, float value) => new(
        $"{what} has the value {value}; expected finite numbers. The model's weights are not finite or very large, or its inputs or the "
        + "options of this call are far from those of its training.");
}
